import type { Condition } from './condition.ts';

/**
 * What pictures of a camera tell, one a minute (agent/picture). Each reading is already that of three pictures in a
 * row, so nothing is waited for here; a camera that is down explains them all, and the graver finding the lesser.
 */
export const pictureConditions = {
  'camera-picture-black': {
    subject: 'camera',
    severity: 'critical',
    when: 'three pictures in a row are black and came so at once; black by degrees, as night falls, only after 18 h',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: ['camera-down', 'camera-signal'],
    name: { it: 'immagine nera', en: 'picture black' },
    reasons: {
      black: {
        it: "l'immagine è nera: controllare se l'obiettivo è coperto, poi il sensore e l'illuminatore",
        en: 'the picture is black: check whether the lens is covered, then sensor and illuminator',
      },
    },
  },
  'camera-picture-blinded': {
    subject: 'camera',
    severity: 'warning',
    when: 'three pictures in a row are overexposed over seven tenths of their area',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: ['camera-down', 'camera-signal'],
    name: { it: 'immagine abbagliata', en: 'picture blinded' },
    reasons: {
      blinded: {
        it: "l'immagine è sovraesposta: cercare una luce puntata sulla telecamera, poi controllare l'esposizione",
        en: 'the picture is overexposed: look for a light aimed at the camera, then check its exposure',
      },
    },
  },
  'camera-picture-frozen': {
    subject: 'camera',
    severity: 'critical',
    when: 'the stream goes on and three pictures in a row are the same, down to the noise',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: ['camera-down', 'camera-signal', 'camera-picture-black', 'camera-picture-blinded'],
    name: { it: 'immagine bloccata', en: 'picture frozen' },
    reasons: {
      frozen: {
        it: "l'immagine è bloccata: riavviare la telecamera",
        en: 'the picture is frozen: restart the camera',
      },
    },
  },
  'camera-picture-blurred': {
    subject: 'camera',
    severity: 'warning',
    when: 'three pictures in a row have lost the outlines that the view had before, all over: defocused or covered',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: [
      'camera-down',
      'camera-signal',
      'camera-picture-black',
      'camera-picture-blinded',
      'camera-picture-frozen',
    ],
    name: { it: 'immagine sfocata o coperta', en: 'picture blurred or covered' },
    reasons: {
      defocused: {
        it: "l'immagine è sfocata: pulire l'obiettivo, poi regolare il fuoco",
        en: 'the picture is out of focus: clean the lens, then adjust the focus',
      },
      covered: {
        it: "l'obiettivo sembra coperto: controllare che niente stia davanti alla telecamera",
        en: 'the lens seems covered: check that nothing is in front of the camera',
      },
    },
  },
  'camera-picture-moved': {
    subject: 'camera',
    severity: 'warning',
    when: 'in three pictures in a row the outlines of the view are elsewhere or gone; a view that stays is the new one after 24 h',
    raiseAfterMs: 0,
    clearAfterMs: 0,
    explainedBy: [
      'camera-down',
      'camera-signal',
      'camera-picture-black',
      'camera-picture-blinded',
      'camera-picture-frozen',
      'camera-picture-blurred',
    ],
    name: { it: 'inquadratura cambiata', en: 'view changed' },
    reasons: {
      shifted: {
        it: "l'inquadratura si è spostata del {percent} %: controllare il fissaggio della telecamera; se è voluto si chiude da solo dopo 24 ore",
        en: 'the view has shifted by {percent} %: check the mount of the camera; if it is meant, this ends by itself after 24 hours',
      },
      elsewhere: {
        it: 'la telecamera inquadra altro: controllare il fissaggio; se è voluto si chiude da solo dopo 24 ore',
        en: 'the camera looks elsewhere: check its mount; if it is meant, this ends by itself after 24 hours',
      },
    },
  },
} as const satisfies Record<string, Condition>;
