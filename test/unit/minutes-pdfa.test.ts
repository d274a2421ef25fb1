import { spawnSync } from 'node:child_process';
import { inflateSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { minutesPdf } from '../../deploy/hub/minutes/pdf.ts';
import { ffmpeg } from '../support/hub-segments.ts';
import { sampleMinutes } from '../support/sample-minutes.ts';
import { suite } from '../support/suite.ts';

// ISO 19005-2, level b, as far as its rules can be read from the file without a validator.
const test = suite('minutes as PDF/A-2b', { timeoutMs: 60_000 });

/** Objects of a file whose cross-reference is a plain table: their dictionaries, and their streams as they are read. */
function objectsOf(pdf: Buffer): { dictionary: string; stream: Buffer | undefined }[] {
  const text = pdf.toString('latin1');
  return [...text.matchAll(/\n\d+ 0 obj\n([\s\S]*?)\nendobj/g)].map((match) => {
    const body = match[1] as string;
    const at = body.indexOf('\nstream\n');
    if (at < 0) return { dictionary: body, stream: undefined };
    const dictionary = body.slice(0, at);
    const raw = Buffer.from(body.slice(at + 8, body.lastIndexOf('\nendstream')), 'latin1');
    return { dictionary, stream: dictionary.includes('/FlateDecode') ? inflateSync(raw) : raw };
  });
}

function stillOf(): Buffer {
  const { stdout, status } = spawnSync(ffmpeg, [
    ...['-v', 'error', '-i', 'test/fixtures/walkers.mp4', '-frames:v', '1', '-c:v', 'mjpeg'],
    ...['-pix_fmt', 'yuvj420p', '-f', 'image2pipe', '-'],
  ]);
  assert.is(status, 0);
  return stdout;
}

test('it carries all that it needs, says what it is, and does nothing', async () => {
  const still = { name: 'x', sha256: 'a1'.repeat(32), at: sampleMinutes.from };
  const minutes = { ...sampleMinutes, made: { ...sampleMinutes.made, stills: [still] } };
  const pdf = await minutesPdf(minutes, 'Europe/Rome', stillOf());
  const text = pdf.toString('latin1');
  // 6.1.2: a header, and a comment of four bytes above 127 that says it is binary. 6.1.3: an identifier, no encryption.
  assert.match(text.slice(0, 20), /^%PDF-1\.7\n%[\x80-\xff]{4}/);
  assert.match(text, /trailer\n<<[\s\S]*\/ID \[<[0-9a-f]{32}> <[0-9a-f]{32}>\]/i);
  assert.not.match(text, /\/Encrypt/);
  assert.ok(text.trimEnd().endsWith('%%EOF'));
  const objects = objectsOf(pdf);
  assert.ok(objects.length > 20);
  // 6.2.2: one output intent with its profile inside, sRGB; 6.2.4: nothing that it does not cover.
  const intent = objects.filter(({ dictionary }) => dictionary.includes('/Type /OutputIntent'));
  assert.is(intent.length, 1);
  assert.match(intent[0]?.dictionary ?? '', /\/S \/GTS_PDFA1[\s\S]*\/DestOutputProfile \d+ 0 R/);
  const profile = objects.find(({ stream }) => stream?.toString('latin1', 36, 40) === 'acsp');
  assert.is(profile?.stream?.toString('latin1', 16, 20), 'RGB ');
  for (const { dictionary } of objects) {
    assert.not.match(dictionary, /\/DeviceCMYK|\/SMask (?!\/None)|\/S \/Transparency/);
    // 6.5, 6.6: no action, script, form, attachment, sound or film.
    assert.not.match(
      dictionary,
      /\/(?:JavaScript|JS|AA|OpenAction|Launch|AcroForm|EmbeddedFiles|RichMedia|XFA|Movie|Sound)\b/,
    );
    // 6.2.5, transparency by a graphics state: the only alpha is one.
    for (const alpha of dictionary.matchAll(/\/(?:CA|ca) ([\d.]+)/g)) assert.is(Number(alpha[1]), 1);
    // 6.1.7: nothing lies outside the file, nothing is compressed with LZW.
    assert.not.match(dictionary, /\/LZWDecode|\/FFilter|\/F \(/);
  }
  // 6.2.11: every font is a subset that is inside, with a way back to text.
  const fonts = objects.filter(({ dictionary }) => dictionary.includes('/Type /FontDescriptor'));
  assert.is(fonts.length, 3);
  for (const { dictionary } of fonts) assert.match(dictionary, /\/FontFile2 \d+ 0 R/);
  const composite = objects.filter(({ dictionary }) => dictionary.includes('/Subtype /Type0'));
  assert.is(composite.length, 3);
  for (const { dictionary } of composite) assert.match(dictionary, /\/ToUnicode \d+ 0 R/);
  // 6.6.2: metadata that are not compressed, and agree with the information of the document.
  const metadata = objects.filter(({ dictionary }) => dictionary.includes('/Type /Metadata'));
  assert.is(metadata.length, 1);
  assert.not.match(metadata[0]?.dictionary ?? '', /\/Filter/);
  const xmp = metadata[0]?.stream?.toString('utf8') ?? '';
  assert.match(xmp, /<pdfaid:part>2<\/pdfaid:part>[\s\S]*<pdfaid:conformance>B<\/pdfaid:conformance>/);
  assert.match(xmp, /Verbale di accesso alle immagini di videosorveglianza/);
  assert.match(xmp, new RegExp(new Date(sampleMinutes.at).toISOString().slice(0, 19)));
});
