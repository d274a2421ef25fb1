import { fileURLToPath } from 'node:url';
import PDFDocument from 'pdfkit';

/** A4 in points, with the margins of a letter that is filed in a ring binder. */
const size = { width: 595.28, height: 841.89 };
const margin = { left: 62, right: 48, top: 52, bottom: 62 };
const labelWidth = 122;
const body = 9.5;
const grey = '#555555';

type Face = 'plain' | 'bold' | 'mono';
const faces: Readonly<Record<Face, string>> = {
  plain: import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf'),
  bold: import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf'),
  mono: import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSansMono.ttf'),
};

/** A document that grows downwards; what does not fit goes to the next page as a whole. */
export interface Page {
  width: number;
  /** With room for `room` points below its top on the same page: a heading never ends one. */
  heading(text: string, room?: number): void;
  /** A label with its value; lines after the first of `value` are smaller print. What is longer than a page goes on. */
  row(label: string, value: string | readonly string[], face?: Face): void;
  paragraph(text: string, style?: { size?: number; face?: Face; grey?: boolean }): void;
  /** Calls `draw` with the upper left corner of a box of `height` across the page. */
  box(height: number, draw: (at: { x: number; y: number }, pdf: PDFDocument) => void): void;
  gap(height: number): void;
  /** How high words are that are as wide as this. */
  heightOf(words: string, style: { size: number; width: number }): number;
  text(
    words: string,
    at: {
      x: number;
      y: number;
      size?: number;
      face?: Face;
      width?: number;
      align?: 'left' | 'right' | 'center';
    },
  ): void;
  /** The whole file, with a footer on every page. */
  finish(footer: string): Promise<Buffer>;
}

/**
 * A4 with its fonts inside, marked PDF/A-2b (ISO 19005-2): no colour outside sRGB, no transparency, nothing fetched.
 * The same input gives the same bytes but for the random file identifier.
 */
export function openPage(about: { title: string; subject: string; at: number }): Page {
  const created = new Date(about.at);
  const pdf = new PDFDocument({
    size: 'A4',
    margins: { left: margin.left, right: margin.right, top: margin.top, bottom: 0 },
    pdfVersion: '1.7',
    subset: 'PDF/A-2b',
    lang: 'it-IT',
    displayTitle: true,
    bufferPages: true,
    font: null,
    info: {
      Title: about.title,
      Subject: about.subject,
      Author: 'Comune di Peio',
      CreationDate: created,
      ModDate: created,
    },
  });
  const chunks: Buffer[] = [];
  const whole = new Promise<Buffer>((resolve, reject) => {
    pdf.on('data', (chunk) => chunks.push(chunk));
    pdf.on('end', () => resolve(Buffer.concat(chunks)));
    pdf.on('error', reject);
  });
  for (const [face, url] of Object.entries(faces)) pdf.registerFont(face, fileURLToPath(url));

  const width = size.width - margin.left - margin.right;
  const wholePage = size.height - margin.top - margin.bottom;
  let y = margin.top;
  const ensure = (height: number): void => {
    // Sums of heights are not exact to the last bit.
    if (y + height <= size.height - margin.bottom + 0.01) return;
    pdf.addPage();
    y = margin.top;
  };
  const measure = (words: string, face: Face, points: number, within: number): number =>
    pdf.font(face).fontSize(points).heightOfString(words, { width: within, lineGap: 1.5 });
  const write = (words: string, x: number, top: number, face: Face, points: number, within: number): void => {
    pdf.font(face).fontSize(points).text(words, x, top, { width: within, lineGap: 1.5 });
  };

  return {
    width,
    heading(text, room = 64) {
      ensure(room);
      y += 12;
      pdf.fillColor('#000000');
      write(text, margin.left, y, 'bold', 10.5, width);
      y += 16;
      pdf
        .lineWidth(0.6)
        .moveTo(margin.left, y)
        .lineTo(margin.left + width, y)
        .stroke('#000000');
      y += 6;
    },
    row(label, value, face = 'plain') {
      const [first = '', ...more] = typeof value === 'string' ? [value] : value;
      const within = width - labelWidth;
      const points = face === 'mono' ? 7.6 : body;
      const inLines = (words: string, size: number, colour: string) =>
        words.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => {
          return { line, size, colour, height: measure(line || ' ', face, size, within) };
        });
      const lines = [...inLines(first, points, '#000000'), ...more.flatMap((line) => inLines(line, 8, grey))];
      const labelHeight = measure(label, 'plain', 8.5, labelWidth - 10);
      const height = lines.reduce((sum, one) => sum + one.height, 0);
      ensure(
        height <= wholePage ? Math.max(height, labelHeight) : Math.max(lines[0]?.height ?? 0, labelHeight),
      );
      pdf.fillColor(grey);
      write(label, margin.left, y + 0.8, 'plain', 8.5, labelWidth - 10);
      for (const { line, size: print, colour, height: high } of lines) {
        ensure(high);
        pdf.fillColor(colour);
        write(line, margin.left + labelWidth, y, face, print, within);
        y += high;
      }
      y += Math.max(0, labelHeight - height) + 3.5;
    },
    paragraph(text, { size: points = body, face = 'plain', grey: pale = false } = {}) {
      const height = measure(text, face, points, width);
      ensure(height);
      pdf.fillColor(pale ? grey : '#000000');
      write(text, margin.left, y, face, points, width);
      y += height + (points < 8 ? 1.5 : 4);
    },
    box(height, draw) {
      ensure(height);
      draw({ x: margin.left, y }, pdf);
      y += height;
    },
    gap(height) {
      y += height;
    },
    heightOf: (words, { size: points, width: within }) => measure(words, 'plain', points, within),
    text(words, { x, y: top, size: points = body, face = 'plain', width: within = width, align = 'left' }) {
      pdf
        .font(face)
        .fontSize(points)
        .fillColor('#000000')
        .text(words, x, top, { width: within, align, lineBreak: false });
    },
    async finish(footer) {
      const { count } = pdf.bufferedPageRange();
      for (let page = 0; page < count; page++) {
        pdf.switchToPage(page);
        const top = size.height - margin.bottom + 18;
        pdf
          .lineWidth(0.4)
          .moveTo(margin.left, top)
          .lineTo(margin.left + width, top)
          .stroke(grey);
        pdf.font('plain').fontSize(7.5).fillColor(grey);
        pdf.text(footer, margin.left, top + 6, { width: width - 80, lineBreak: false });
        pdf.text(`pagina ${page + 1} di ${count}`, margin.left + width - 80, top + 6, {
          width: 80,
          align: 'right',
          lineBreak: false,
        });
      }
      pdf.end();
      return await whole;
    },
  };
}
