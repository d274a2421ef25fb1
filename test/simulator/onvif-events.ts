/** What a device says of itself. */
export interface OnvifEvent {
  /** e.g. `tns1:VideoSource/SignalLoss` */
  topic: string;
  on: boolean;
  /** Token of the video source (default `video_source_1`). */
  source?: string;
  /** Only happens, and never ends. */
  pulse?: boolean;
}

export interface Subscriptions {
  /** The contents of the Body; undefined for what is refused. Holds PullMessages back until there is something to say. */
  answer(
    operation: string,
    request: string,
    path: string,
    origin: string,
    nowMs: number,
  ): Promise<string | undefined>;
  tell(event: OnvifEvent): void;
  refuse(on: boolean): void;
  drop(): void;
  count(): number;
  close(): void;
}

interface Subscription {
  waiting: OnvifEvent[];
  endsAt: number;
  wake?: () => void;
}

/** A camera serves few at a time. */
const most = 4;
const events = 'xmlns:tev="http://www.onvif.org/ver10/events/wsdl"';
const notify = 'xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"';

/** Pull points (ONVIF Core §9.1): property events are told again at every new subscription. */
export function openSubscriptions(): Subscriptions {
  const live = new Map<string, Subscription>();
  const states = new Map<string, OnvifEvent>();
  let made = 0;
  let refusing = false;
  const secondsOf = (request: string, name: string): number =>
    Number(new RegExp(`${name}>PT(\\d+)S<`).exec(request)?.[1] ?? 60);
  const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+/, '');
  const times = (nowMs: number, endMs: number): string =>
    `<wsnt:CurrentTime ${notify}>${time(nowMs)}</wsnt:CurrentTime>` +
    `<wsnt:TerminationTime ${notify}>${time(endMs)}</wsnt:TerminationTime>`;
  const drop = (): void => {
    for (const { wake } of live.values()) wake?.();
    live.clear();
  };
  return {
    async answer(operation, request, path, origin, nowMs) {
      for (const [id, { endsAt }] of live) if (endsAt < performance.now()) live.delete(id);
      if (operation === 'CreatePullPointSubscription') {
        if (refusing || live.size >= most) return undefined;
        const id = `/onvif/subscription?Idx=${++made}`;
        const lifeMs = secondsOf(request, 'InitialTerminationTime') * 1000;
        live.set(id, { waiting: [...states.values()], endsAt: performance.now() + lifeMs });
        return (
          `<tev:CreatePullPointSubscriptionResponse ${events}><tev:SubscriptionReference>` +
          // As behind a router: its own idea of its address is nobody else's.
          `<wsa5:Address xmlns:wsa5="http://www.w3.org/2005/08/addressing">${origin.replace('127.0.0.1', '192.0.2.7')}${id}</wsa5:Address>` +
          `</tev:SubscriptionReference>${times(nowMs, nowMs + lifeMs)}</tev:CreatePullPointSubscriptionResponse>`
        );
      }
      const subscription = live.get(path);
      if (subscription === undefined) return undefined;
      if (operation === 'Unsubscribe') {
        live.delete(path);
        subscription.wake?.();
        return `<wsnt:UnsubscribeResponse ${notify}/>`;
      }
      if (operation === 'Renew') {
        const lifeMs = secondsOf(request, 'TerminationTime') * 1000;
        subscription.endsAt = performance.now() + lifeMs;
        return `<wsnt:RenewResponse ${notify}>${times(nowMs, nowMs + lifeMs)}</wsnt:RenewResponse>`;
      }
      if (operation !== 'PullMessages') return undefined;
      if (subscription.waiting.length === 0)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, secondsOf(request, 'Timeout') * 1000);
          subscription.wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      if (!live.has(path)) return undefined;
      const limit = Number(/MessageLimit>(\d+)</.exec(request)?.[1] ?? 1);
      const said = subscription.waiting.splice(0, limit).map((event) => notification(event, time(nowMs)));
      return `<tev:PullMessagesResponse ${events}>${times(nowMs, nowMs + 60_000)}${said.join('')}</tev:PullMessagesResponse>`;
    },
    tell(event) {
      if (!event.pulse) states.set(`${event.topic} ${event.source}`, event);
      for (const subscription of live.values()) {
        subscription.waiting.push(event);
        subscription.wake?.();
      }
    },
    refuse(on) {
      refusing = on;
    },
    drop,
    count: () => live.size,
    close: drop,
  };
}

function notification({ topic, on, source = 'video_source_1', pulse }: OnvifEvent, at: string): string {
  const operation = pulse ? '' : ' PropertyOperation="Changed"';
  return (
    `<wsnt:NotificationMessage ${notify}><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">${topic}</wsnt:Topic>` +
    `<wsnt:Message><tt:Message UtcTime="${at}"${operation}>` +
    `<tt:Source><tt:SimpleItem Name="Source" Value="${source}"/></tt:Source>` +
    `<tt:Data><tt:SimpleItem Name="Channel" Value="1"/><tt:SimpleItem Name="State" Value="${on}"/></tt:Data>` +
    '</tt:Message></wsnt:Message></wsnt:NotificationMessage>'
  );
}
