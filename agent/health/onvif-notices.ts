import { plain } from './onvif-xml.ts';
import { attributeOf, tagsOf } from './xml-tags.ts';

/** What a device says of itself in an event: property events are told again at every new subscription. */
export interface Notice {
  about: 'signal' | 'tamper';
  on: boolean;
  /** It says when it ends; false for one that only happens. */
  lasting: boolean;
  /** Tokens that say which video source it is about. */
  sources: string[];
}

/** In one answer: what a device has to say beyond is asked for again. */
const maxNotices = 64;

/**
 * Reads tampering and loss of signal from an answer to PullMessages (ONVIF Core §9, Imaging §5.5, Analytics annex). Of
 * all other topics nothing is kept; a message without a state that can be read is left out.
 */
export function noticesOf(xml: string): Notice[] {
  const found: Notice[] = [];
  let topic = '';
  let part: 'source' | 'data' | undefined;
  let sources: string[] = [];
  let on: boolean | undefined;
  let lasting = false;
  for (const tag of tagsOf(xml)) {
    if (found.length >= maxNotices) break;
    const opens = tag.kind === 'open';
    if (tag.name === 'NotificationMessage') {
      const about = aboutOf(topic);
      if (!opens && about !== undefined && on !== undefined) found.push({ about, on, lasting, sources });
      topic = '';
      sources = [];
      on = undefined;
      lasting = false;
      part = undefined;
    } else if (tag.name === 'Topic' && opens) topic = tag.text.trim().slice(0, 300);
    else if (tag.name === 'Source') part = opens ? 'source' : undefined;
    else if (tag.name === 'Data') part = opens ? 'data' : undefined;
    else if (tag.name === 'Message' && opens) lasting ||= attributeOf(tag, 'PropertyOperation') !== undefined;
    else if (tag.name === 'SimpleItem' && opens) {
      const value = attributeOf(tag, 'Value') ?? '';
      if (part === 'source' && sources.length < 8) sources.push(value);
      if (part === 'data' && stateNames.test(attributeOf(tag, 'Name') ?? ''))
        on = (on ?? false) || /^(?:true|1|active)$/i.test(value.trim());
    }
  }
  return found;
}

/** Makers call it by many names; a channel's number beside it is none. */
const stateNames =
  /^(?:State|LogicalState|Active|Value|(?:Is)?(?:Tamper(?:ing)?|SignalLoss|VideoLoss|Lost))$/i;

function aboutOf(topic: string): Notice['about'] | undefined {
  if (/SignalLoss|VideoLoss/i.test(topic)) return 'signal';
  return /GlobalSceneChange|Tamper|SignalTooDark|SignalTooBright|SignalTooBlurry/i.test(topic)
    ? 'tamper'
    : undefined;
}

/**
 * Where the subscription that was just made is to be asked, and its number where the address is everybody's (Axis). Some
 * devices leave out the element around the address; what stands in the header is never meant.
 */
export function subscriptionOf(xml: string): { address?: string; id?: string } {
  let inside = false;
  let body = false;
  let loose: string | undefined;
  const found: { address?: string; id?: string } = {};
  for (const { name, kind, text } of tagsOf(xml)) {
    if (name === 'CreatePullPointSubscriptionResponse') body = kind === 'open';
    if (name === 'SubscriptionReference') inside = kind === 'open';
    if (!(inside || body) || kind !== 'open') continue;
    const value = plain(text).trim();
    if (name === 'Address' && value.length > 0 && value.length <= 500) {
      if (inside) found.address ??= value;
      else loose ??= value;
    }
    if (inside && name === 'SubscriptionId' && /^[\w:.-]{1,100}$/.test(value)) found.id ??= value;
  }
  if (found.address === undefined && loose !== undefined) found.address = loose;
  return found;
}

/** Whether an answer is one to `operation`; faults and pages of routers are not. */
export function answers(xml: string, operation: string): boolean {
  for (const { name } of tagsOf(xml)) if (name === `${operation}Response`) return true;
  return false;
}
