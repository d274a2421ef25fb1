import type { CommandManual, Program } from './program.ts';

/** What a manual page says beside its commands. */
export interface About {
  /** A line; what stands behind the name. */
  summary: string;
  description: readonly string[];
  version: string;
  /** Path and what it is. */
  files: readonly (readonly [string, string])[];
}

/** A manual page of section 1 in man(7)'s macros: every command with every option, as `--help` says them. */
export function manualPage({ name, commands }: Program, about: About): string {
  return `.TH ${escaped(name.toUpperCase())} 1 "" "${name} ${about.version}" ""
.SH NAME
${escaped(name)} \\- ${escaped(about.summary)}
.SH SYNOPSIS
.B ${escaped(name)}
.I COMMAND
[options]
.SH DESCRIPTION
${line(about.description.join(' '))}
.SH COMMANDS
${commands.map((command) => commandText(name, command)).join('')}.SH FILES
${about.files.map(([path, what]) => `.TP\n.I ${escaped(path)}\n${line(what)}\n`).join('')}.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
A check failed.
.TP
.B 2
Refused.
.TP
.B 64
The command line is wrong.
.TP
.B 69
Something that is needed does not answer.
.TP
.B 78
The configuration is wrong.
`;
}

function commandText(program: string, { name, usage, summary, notes, options }: CommandManual): string {
  const head = `.SS "${quoted(`${program} ${name} ${usage}`.trim())}"\n${line(summary)}\n`;
  const more = (notes ?? '')
    .split(/\n\s*\n/)
    .filter((text) => text.trim() !== '')
    .map((text) => `.PP\n${paragraph(text)}\n`)
    .join('');
  const rows = options.map(
    (option) =>
      `.TP\n\\fB\\-\\-${escaped(option.name)}\\fR${option.value === undefined ? '' : ` \\fI${escaped(option.value)}\\fR`}\n${line(option.help)}\n`,
  );
  return head + more + rows.join('');
}

/** Lines run together as the page is wide; one that is set in stands alone. */
function paragraph(text: string): string {
  return text
    .split('\n')
    .map((one) => (/^\s/.test(one) ? `.br\n${line(one.trim())}` : line(one)))
    .join('\n');
}

/** Hyphens that may be copied, no escape of ours read as theirs. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll(/[’']/g, '\\(aq');
}

/** In an argument between double quotes. */
function quoted(text: string): string {
  return escaped(text).replaceAll('"', '\\(dq');
}

/** A line of text: a point at its beginning would be a macro. */
function line(text: string): string {
  const safe = escaped(text);
  return safe.startsWith('.') ? `\\&${safe}` : safe;
}
