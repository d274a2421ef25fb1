import { shape, stateWord } from '#agent/view/document.ts';
import { number } from '#agent/view/figures.ts';
import { type Html, html } from '#agent/view/html.ts';
import type { Parts } from '#agent/view/live.ts';
import { byState, type State } from '#agent/view/states.ts';
import { sumOf } from '#agent/view/strip.ts';
import { stripAxis, stripBox } from '#agent/view/strip-svg.ts';
import { elapsed, exactly, moment } from '#agent/view/times.ts';
import { texts } from '../cli/texts.ts';
import { megabytes } from '../cli/times.ts';
import { cameraName } from '../settings.ts';
import { alertList } from './alert-list.ts';
import { firstSentence } from './first-sentence.ts';
import { type NodeView, wayOf } from './fleet-view.ts';
import type { HubView, RequestView } from './hub-view.ts';
import { mapSvg } from './map.ts';
import type { Place, Way } from './map-places.ts';
import { pageWords } from './words.ts';

/** The changing parts of the town hall's page, by the id of their element. */
export function hubParts(view: HubView): Parts {
  const parts: Record<string, Html> = {
    first: html`${firstSentence(view)}`,
    alerts: alertList(view),
    map: mapOf(view),
    nodes: nodeList(view),
    wall: wall(view),
  };
  if (view.requests !== undefined) parts['requests'] = requestList(view, view.requests);
  return new Map(Object.entries(parts).map(([id, { text }]) => [id, text]));
}

/** The two drawings of the map: beside the list, and on a phone. */
function mapOf(view: HubView): Html {
  const { form, settings, nodes } = view;
  const states = new Map(nodes.map(({ id, state }) => [id, state]));
  const places = settings.nodes.flatMap((node): Place[] =>
    node.lat === undefined || node.lon === undefined
      ? []
      : [{ ...node, lat: node.lat, lon: node.lon, state: states.get(node.id) ?? 'unknown' }],
  );
  if (settings.place) places.push({ ...settings.place, role: 'hub', state: 'ok' });
  const drawing = { lang: form.lang, places, ways: waysOf(view), label: pageWords[form.lang].map };
  return html`${mapSvg({ ...drawing, layout: 'wide', prefix: '', widthPx: 760, heightPx: 640, inset: { width: 300, height: 230 } })}${mapSvg({ ...drawing, layout: 'narrow', prefix: 'narrow-', widthPx: 360, heightPx: 400, inset: { width: 360, height: 240 } })}`;
}

function waysOf({ nodes, settings, requests }: HubView): Way[] {
  const flowing = new Set(
    (requests ?? [])
      .flatMap(({ cases }) => cases)
      .filter(({ state, status }) => state === 'authorised' && status?.state === 'running')
      .flatMap(({ node }) => wayOf(node, settings)),
  );
  return nodes.flatMap((node): Way[] => {
    if (node.uplink === undefined) return [];
    const link = node.sight.health?.links.find(({ to }) => to === node.uplink);
    const way = { from: node.id, to: node.uplink, capacityMbit: link?.capacityMbit };
    return [{ ...way, state: wayState(node, link?.state), flows: flowing.has(node.id) }];
  });
}

function wayState(node: NodeView, measured: 'up' | 'down' | 'unknown' | undefined): State {
  if (node.behind !== undefined) return 'affected';
  if (node.sight.state !== 'online') return node.sight.state === 'offline' ? 'failing' : 'unknown';
  if (measured === 'down') return 'failing';
  if (node.alerts.some(({ key }) => /^link-(?:lossy|slow|weak)\./.test(key))) return 'degraded';
  // A node that is heard has a way, measured or not.
  return 'ok';
}

function nodeList(view: HubView): Html {
  const { form, nowUtc, nodes } = view;
  const t = pageWords[form.lang];
  return html`<ul class="nodes">${nodes.map((node) => {
    const { sight } = node;
    const recording = sight.state === 'online' ? (sight.health?.cameras ?? []) : [];
    const count = recording.filter(({ state }) => state === 'recording').length;
    const link = sight.health?.links.find(({ to }) => to === node.uplink);
    const lang = form.lang;
    const online = sight.state === 'online';
    const facts = [
      // Who is not heard may record all the same.
      node.role === 'relay' ? t.relay : t.cameras(online ? count : node.cameras.length, node.cameras.length),
      online && link?.lossPercent !== undefined && `${number(link.lossPercent, lang)} %`,
      online && link?.delayMs !== undefined && `${number(link.delayMs, lang)} ms`,
    ].filter((fact) => fact !== false);
    const behind = nodes.find(({ id }) => id === node.behind);
    const why = behind && html`${t.behind(behind.name)}; `;
    const { maintenanceUntil } = node;
    const works = maintenanceUntil !== undefined && html`${t.maintenance(moment(maintenanceUntil, form))}; `;
    const heard = sight.health
      ? html`<time datetime="${new Date(sight.health.at).toISOString()}" title="${exactly(sight.health.at, form)}">${t.heard(elapsed(nowUtc - sight.health.at, form.lang))}</time>`
      : t.neverHeard;
    // Where all is well one line is enough.
    const more =
      (node.state !== 'ok' || works !== false) &&
      html`<div class="soft">${works}${why}${heard}${sight.version !== undefined && `, ${sight.version}`}</div>`;
    return html`<li id="node-${node.id}" tabindex="-1"><div class="node"><span>${stateWord(node.state, lang)}</span><span><a href="/node?id=${node.id}&amp;lang=${lang}"><strong>${node.name}</strong></a> <small>${node.id}</small></span><span class="soft" title="${t.linkHint}">${facts.join(', ')}</span></div>${more}</li>`;
  })}</ul>`;
}

/** Ten screens of strips; of a fleet that has more, the worst are shown. */
const mostRows = 400;

/** Every camera of the town on one screen: rows of 8 px, worst first, then by what is missing. */
function wall(view: HubView): Html {
  const { form, nodes, window, weeks, settings, holds } = view;
  const rows = nodes
    .flatMap(({ cameras }) => cameras)
    .map((camera) => {
      const pieces = weeks.get(`${camera.node}/${camera.id}`) ?? [];
      return { camera, pieces, missingMs: sumOf(pieces).missingMs };
    })
    .sort((a, b) => byState(a.camera.state, b.camera.state) || b.missingMs - a.missingMs);
  const left = rows.length - mostRows;
  return html`<span></span>${stripAxis(window, form)}${rows.slice(0, mostRows).map(({ camera, pieces }) => {
    const id = `${camera.node}-${camera.id}`;
    const name = cameraName(settings, camera.node, camera.id);
    const held = holds.get(`${camera.node}/${camera.id}`);
    const drawn = { ...form, window, pieces, name, heightPx: 8, days: false, apartMs: 600_000 };
    const drawing = held ? { ...drawn, holds: held } : drawn;
    return html`<a href="#node-${camera.node}" id="row-${id}" title="${name}">${shape(camera.state)} ${camera.name}, ${camera.place}</a>${stripBox(`strip-${id}`, drawing, 'below')}`;
  })}${left > 0 && html`<span></span><span class="soft">${pageWords[form.lang].moreCameras(left)}</span>`}`;
}

function requestList(view: HubView, requests: readonly RequestView[]): Html {
  const { form, settings } = view;
  const t = pageWords[form.lang];
  const said = texts[form.lang];
  if (requests.length === 0) return html`<p class="soft">${t.noRequests}</p>`;
  return html`<ul class="nodes">${requests.map((request) => {
    const purpose = said.purpose[request.purpose as keyof typeof said.purpose];
    const cases = request.cases.map((one) => {
      const word = one.state === 'authorised' ? (one.status?.state ?? 'authorised') : one.state;
      const reason =
        one.state === 'refused' || one.state === 'failed' ? (one.reason ?? one.status?.reason) : undefined;
      const { delivery } = one;
      const done =
        delivery && delivery.bytes > 0 ? delivery.bytesHere / delivery.bytes : one.status?.progress;
      return html`<div id="case-${one.id}">${one.type === 'hold' && `${said.field.hold}, `}${cameraName(settings, one.node, one.camera)}: ${moment(one.from, form)} – ${moment(one.to, form)}<br>${said.caseState[word] ?? word}${reason !== undefined && ` (${said.reason[reason] ?? reason})`}${
        done !== undefined &&
        one.state === 'authorised' &&
        html` <progress max="1" value="${done.toFixed(3)}" aria-label="${one.id}"></progress> ${delivery && `${delivery.filesHere}/${delivery.files}, ${megabytes(delivery.bytesHere)} / ${megabytes(delivery.bytes)}`}`
      } <code>${one.id}</code></div>`;
    });
    return html`<li id="request-${request.id}"><strong>${request.id}</strong> <span class="soft">${request.protocol}, ${request.authority}: ${purpose}</span>${cases}${request.cases.length === 0 && html`<div>${request.rejected ? t.rejected : t.noCase}</div>`}</li>`;
  })}</ul>`;
}
