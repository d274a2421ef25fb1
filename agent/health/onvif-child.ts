import { answerParent } from '../platform/child.ts';
import { converse } from './onvif-conversation.ts';
import { onvifQuestion } from './onvif-question.ts';

// A process of its own: a reply of 200 kB can keep the library's parser busy for seconds, and it never gives up one
// that was cut off.
await answerParent((question) => converse(onvifQuestion.parse(question)));
