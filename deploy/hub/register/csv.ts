/**
 * Rows as RFC 4180: comma, CRLF, every cell quoted. A cell that a spreadsheet would take for a formula begins with an
 * apostrophe: requests are written by strangers.
 */
export function csvOf(rows: readonly (readonly string[])[]): string {
  const cell = (text: string): string => {
    const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return `"${plain.replaceAll('"', '""')}"`;
  };
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
