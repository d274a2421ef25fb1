import type { Lang } from '#agent/view/states.ts';

type Values = Readonly<Record<string, string>>;

/** What the hub says of its own alarms with names and dates. An alarm keeps the Italian sentence; English is made of it. */
export const hubSentences = {
  hubCertificate: {
    it: 'il certificato del municipio scade il {day}: rinnovarlo (hub ca renew)',
    en: 'the certificate of the town hall ends on {day}: renew it (hub ca renew)',
  },
  hubCertificateOver: {
    it: 'il certificato del municipio è scaduto: rinnovarlo (hub ca renew)',
    en: 'the certificate of the town hall has ended: renew it (hub ca renew)',
  },
  revocationList: {
    it: 'l’elenco di revoca scade il {day}, poi nessuno si collega: rinnovarlo (hub ca renew)',
    en: 'the list of revoked certificates ends on {day}, and then nobody connects: renew it (hub ca renew)',
  },
  revocationListOver: {
    it: 'l’elenco di revoca è scaduto e nessuno si collega: rinnovarlo (hub ca renew)',
    en: 'the list of revoked certificates has ended and nobody connects: renew it (hub ca renew)',
  },
  authority: {
    it: 'il certificato dell’autorità del Comune scade il {day}: preparare la nuova',
    en: 'the certificate of the town’s authority ends on {day}: prepare the new one',
  },
  authorityOver: {
    it: 'il certificato dell’autorità del Comune è scaduto: fare la nuova autorità',
    en: 'the certificate of the town’s authority has ended: make the new authority',
  },
  brokerCertificate: {
    it: 'il certificato del broker scade il {day}: rinnovarlo (hub ca renew)',
    en: 'the certificate of the broker ends on {day}: renew it (hub ca renew)',
  },
  brokerCertificateOver: {
    it: 'il certificato del broker è scaduto: rinnovarlo (hub ca renew)',
    en: 'the certificate of the broker has ended: renew it (hub ca renew)',
  },
  caseOverdue: {
    it: 'il caso della richiesta {request} è da rivedere: chiuderlo (hub close {id}) o fissare un altro giorno',
    en: 'the case of request {request} is to be reviewed: close it (hub close {id}) or set another day',
  },
  pictureOverdue: {
    it: 'un caso per manutenzione è da rivedere: chiuderlo (hub close {id}) o fissare un altro giorno',
    en: 'a case for maintenance is to be reviewed: close it (hub close {id}) or set another day',
  },
  holdReleasing: {
    it: 'le immagini conservate per la richiesta {request} saranno cancellate il {at}: per conservarle, un nuovo hub hold prima di allora',
    en: 'the footage held for request {request} will be deleted on {at}: to keep it, another hub hold before then',
  },
} as const;

function fill(template: string, values: Values): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '?');
}

/** The Italian sentence. */
export function sayOf(name: keyof typeof hubSentences, values: Values = {}): string {
  return fill(hubSentences[name].it, values);
}

const patterns = Object.values(hubSentences).map((words) => {
  const plain = words.it.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&');
  return { words, pattern: new RegExp(`^${plain.replaceAll(/\{(\w+)\}/g, '(?<$1>.+?)')}$`) };
});

/** A sentence of the table in `lang`, with its names and dates; undefined for any other. */
export function hubSentenceIn(sentence: string, lang: Lang): string | undefined {
  for (const { words, pattern } of patterns) {
    const found = pattern.exec(sentence);
    if (found) return fill(words[lang], { ...found.groups });
  }
  return undefined;
}
