/** As much of pdfkit as the minutes need; it brings no types of its own. */
declare module 'pdfkit' {
  interface TextOptions {
    width?: number;
    height?: number;
    align?: 'left' | 'right' | 'center';
    lineGap?: number;
    lineBreak?: boolean;
    characterSpacing?: number;
    features?: string[];
  }
  export default class PDFDocument {
    constructor(options: Record<string, unknown>);
    x: number;
    y: number;
    page: { width: number; height: number };
    on(event: 'data', listener: (chunk: Buffer) => void): this;
    on(event: 'end', listener: () => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    end(): void;
    addPage(): this;
    registerFont(name: string, file: string): this;
    font(name: string): this;
    fontSize(size: number): this;
    text(text: string, x?: number, y?: number, options?: TextOptions): this;
    heightOfString(text: string, options?: TextOptions): number;
    widthOfString(text: string, options?: TextOptions): number;
    image(
      source: Buffer,
      x: number,
      y: number,
      options: { fit: [number, number]; align?: 'center' | 'right' },
    ): this;
    openImage(source: Buffer): { width: number; height: number };
    rect(x: number, y: number, width: number, height: number): this;
    moveTo(x: number, y: number): this;
    lineTo(x: number, y: number): this;
    lineWidth(width: number): this;
    fill(colour: string): this;
    fillColor(colour: string): this;
    stroke(colour?: string): this;
    strokeColor(colour: string): this;
    clip(): this;
    save(): this;
    restore(): this;
    bufferedPageRange(): { start: number; count: number };
    switchToPage(index: number): this;
  }
}
