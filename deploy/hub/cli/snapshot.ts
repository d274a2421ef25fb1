import { systemRandom } from '#agent/platform/random.ts';
import { sha256 } from '#protocol/envelope.ts';
import { Failure } from '#protocol/failure.ts';
import { attendingText } from '../register/attending.ts';
import { latestNote } from './case-id.ts';
import type { Command } from './command.ts';
import { officerFor, personsIn, prepare, prepareOptions, reviewOption } from './prepare.ts';

export const snapshot: Command = {
  summary:
    'Prepares one sealed picture of now for whoever maintains a camera (Art. 6 c. 8), and prints {"id"}.',
  usage: '--node NODE --camera CAMERA --person "NAME, QUALIFICATION" --reason TEXT',
  notes: `Only where it cannot be done without. Who is to see it stands in the register; the node learns a salted
fingerprint. The officer signs with "hub authorise" and shows it with "hub open ID --with NAME". ${latestNote}`,
  options: {
    node: { type: 'string', value: 'NODE', help: 'site of the camera' },
    camera: { type: 'string', value: 'CAMERA', help: 'camera' },
    person: {
      type: 'string',
      multiple: true,
      value: '"NAME, QUALIFICATION"',
      help: 'who is to see it',
    },
    reason: { type: 'string', value: 'TEXT', help: 'why it is indispensable' },
    ...reviewOption,
    ...prepareOptions,
  },
  async run(call) {
    const node = call.need('node');
    const camera = call.need('camera');
    const persons = personsIn(call, 'person');
    if (persons.length === 0) throw new Failure('usage', 'usage', '--person is needed: who is to see it');
    const salt = Buffer.from(systemRandom.bytes(16)).toString('hex');
    const attending = attendingText(salt, { persons, reason: call.need('reason') });
    return await prepare(
      call,
      node,
      (head, policy) => ({
        ...head,
        type: 'snapshot',
        officer: officerFor(call, policy, node),
        camera,
        purpose: 'maintenance',
        attending: sha256(attending),
      }),
      { attending },
    );
  },
};
