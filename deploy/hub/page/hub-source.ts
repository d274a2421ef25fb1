import { piecesOf, weekMs } from '#agent/view/strip.ts';
import type { ExtractCommand } from '#protocol/command.ts';
import type { Alarms } from '../alarms/alarms.ts';
import type { HoldCommand } from '../cases/case.ts';
import type { Case, Cases } from '../cases/cases.ts';
import { reviewOf } from '../cases/reviews.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Register, RegisterLine } from '../register/register.ts';
import { findRequest } from '../register/requests.ts';
import type { Settings } from '../settings.ts';
import type { Coverage } from './coverage.ts';
import { alertsFor, type NodeView, nodeViews } from './fleet-view.ts';
import { holdsOf } from './holds.ts';
import type { HubView, NodeRows, RequestView, Seer } from './hub-view.ts';

/** What of the hub the page is made from. */
export interface HubSource {
  settings: Settings;
  fleet: Pick<Fleet, 'nodes'>;
  alerts: Pick<Alarms, 'list' | 'maintenance'>;
  register: Pick<Register, 'lines'>;
  cases: Pick<Cases, 'all'>;
  inbox: Pick<Inbox, 'delivery'>;
  coverage: Coverage;
  brokerConnected(): boolean;
  utc(): number;
}

/** Strips move on by this: a pixel of a wide screen is several minutes. */
const stepMs = 60_000;
/** The newest; the register has them all. */
const mostRequests = 50;

/** The hub at this moment, as far as the seer may see it. */
export async function hubView(source: HubSource, seer: Seer): Promise<HubView> {
  const { settings, coverage } = source;
  const nowUtc = source.utc();
  const to = nowUtc - (nowUtc % stepMs);
  const window = { from: to - weekMs, to };
  const alarms = alertsFor(seer.role, source.alerts.list());
  const sights = source.fleet.nodes();
  await Promise.all(sights.map(({ id }) => coverage.update(id, nowUtc)));
  const nodes = nodeViews(sights, alarms, settings, source.alerts.maintenance(), nowUtc);
  const weeks = new Map(
    nodes.flatMap(({ sight, cameras }) =>
      cameras.map(
        ({ id }) => [`${sight.id}/${id}`, piecesOf(window, coverage.rows(sight, id, window))] as const,
      ),
    ),
  );
  return {
    seer,
    form: { lang: seer.lang, zone: settings.zone },
    nowUtc,
    settings,
    brokerConnected: source.brokerConnected(),
    alarms,
    alerts: alarms.filter(({ state }) => state.endsWith('acknowledged-active')),
    nodes,
    window,
    weeks,
    holds: seer.role === 'maintainer' ? new Map() : holdsOf(source.cases.all(), nowUtc),
    requests: seer.role === 'maintainer' ? undefined : await requestViews(source),
  };
}

/** For the view that {@link hubView} made of the same moment. */
export function nodeRows(
  { coverage }: HubSource,
  { window }: HubView,
  { sight, cameras }: NodeView,
): NodeRows {
  return new Map(cameras.map(({ id }) => [id, coverage.rows(sight, id, window)]));
}

type Filmed = ExtractCommand | HoldCommand;

async function requestViews(source: HubSource): Promise<RequestView[]> {
  const lines = source.register.lines();
  const ids = lines.filter(({ kind }) => kind === 'request').flatMap(({ request }) => request ?? []);
  const cases = source.cases.all();
  return await Promise.all(
    ids
      .slice(-mostRequests)
      .reverse()
      .map(async (id) =>
        requestView(
          source,
          lines,
          id,
          cases.filter(({ request }) => request === id),
        ),
      ),
  );
}

async function requestView(
  source: HubSource,
  lines: readonly RegisterLine[],
  id: string,
  cases: readonly Case[],
): Promise<RequestView> {
  const found = findRequest(lines, id);
  return {
    id,
    protocol: found?.record.protocol ?? '',
    authority: found?.record.authority ?? '',
    purpose: found?.record.purpose ?? '',
    rejected: found?.rejected ?? false,
    cases: await Promise.all(
      cases
        .flatMap((one) => filmed(one) ?? [])
        .map(async (one) => {
          const { command, state, revision, status, reason } = one;
          const { type, node, camera, from, to, purpose, expiresAt } = command;
          const window = { type, node, camera, from, to, purpose, expiresAt };
          const delivery = await source.inbox.delivery(one);
          return {
            id: one.id,
            request: id,
            state,
            revision,
            ...window,
            review: reviewOf(one),
            status,
            reason,
            delivery,
          };
        }),
    ),
  };
}

/** A case about footage of some time: extractions and holds. */
function filmed({ command, ...one }: Case): Case<Filmed> | undefined {
  return 'from' in command ? { ...one, command } : undefined;
}
