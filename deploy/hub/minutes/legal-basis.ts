import type { Purpose } from '#protocol/purpose.ts';

/** Under which letter of the regulation, and which law, pictures are seen; in Italian, as minutes and register say it. */
export interface LegalBasis {
  article: string;
  what: string;
  law: string;
}

const text = (article: string, what: string, law: string): LegalBasis => ({ article, what, law });

/** Art. 8 c. 1 names the laws of b, d and e; those of a and c are where such powers come from. */
export const legalBasis: Readonly<Record<Purpose, LegalBasis>> = {
  'judicial-police': text(
    'art. 8, comma 1, lettera a',
    'indagini di polizia giudiziaria',
    'artt. 55 e 348 c.p.p.; D.Lgs. 18 maggio 2018, n. 51',
  ),
  defence: text('art. 8, comma 1, lettera b', 'indagini difensive', 'art. 391-quater c.p.p.'),
  'public-safety': text(
    'art. 8, comma 1, lettera c',
    'sicurezza pubblica e polizia amministrativa',
    'D.Lgs. 18 maggio 2018, n. 51; L. 24 novembre 1981, n. 689',
  ),
  'records-access': text(
    'art. 8, comma 1, lettera d',
    'accesso documentale',
    'L.P. 30 novembre 1992, n. 23; L. 7 agosto 1990, n. 241',
  ),
  'data-subject': text(
    'art. 8, comma 1, lettera e',
    'accesso dell’interessato ai propri dati',
    'art. 15 Reg. (UE) 2016/679',
  ),
  controller: text('art. 9, ultimo comma', 'finalità proprie del titolare', 'Reg. (UE) 2016/679'),
};
