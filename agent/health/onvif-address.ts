import { plain } from './onvif-xml.ts';
import { tagsOf } from './xml-tags.ts';

/** Services that are asked; `media2` is the newer of two that tell the same. */
export const onvifServices = {
  device: 'http://www.onvif.org/ver10/device/wsdl',
  media: 'http://www.onvif.org/ver10/media/wsdl',
  media2: 'http://www.onvif.org/ver20/media/wsdl',
  ptz: 'http://www.onvif.org/ver20/ptz/wsdl',
  events: 'http://www.onvif.org/ver10/events/wsdl',
  recording: 'http://www.onvif.org/ver10/recording/wsdl',
};
export type OnvifService = keyof typeof onvifServices;

const byNamespace = new Map(
  Object.entries(onvifServices).map(([service, namespace]) => [namespace, service as OnvifService]),
);
/** As GetCapabilities calls them. */
const byElement: Record<string, OnvifService> = {
  Device: 'device',
  Media: 'media',
  PTZ: 'ptz',
  Events: 'events',
  Recording: 'recording',
};

/** Where a device says that its services are, in the answer to GetServices or GetCapabilities. */
export function addressesOf(xml: string): Map<OnvifService, string> {
  const found = new Map<OnvifService, string>();
  let service: { namespace: string; address: string } | undefined;
  let category: OnvifService | undefined;
  const take = (name: OnvifService | undefined, address: string): void => {
    if (name !== undefined && !found.has(name) && address !== '' && address.length <= 500)
      found.set(name, address);
  };
  for (const { name, kind, text } of tagsOf(xml)) {
    const opens = kind === 'open';
    if (name === 'Service') {
      if (!opens && service !== undefined) take(byNamespace.get(service.namespace), service.address);
      service = opens ? { namespace: '', address: '' } : undefined;
    } else if (service !== undefined) {
      if (opens && name === 'Namespace') service.namespace = plain(text).trim().replace(/\/$/, '');
      if (opens && name === 'XAddr') service.address = plain(text).trim();
    } else if (name in byElement) category = opens ? byElement[name] : undefined;
    else if (opens && name === 'XAddr') take(category, plain(text).trim());
  }
  return found;
}

/**
 * On the device that was configured: a port of its own is believed where it states that host, and else its path alone.
 * Its own idea of its host may be another's address.
 */
export function onDevice(stated: string, configured: string): URL {
  const device = new URL(configured);
  const url = URL.canParse(stated, device.href) ? new URL(stated, device.href) : device;
  const meant = new URL(device.href);
  if (url.hostname === device.hostname && url.protocol === device.protocol) meant.port = url.port;
  // Set, not resolved: a path that begins with two slashes would name another host.
  meant.pathname = url.pathname;
  meant.search = url.search;
  return meant;
}
