// The cameras of a site as a process of their own: RTSP at port 554 and ONVIF at port 80 of each address given.
//   node test/support/site-cameras-child.ts USER PASSWORD ADDRESS ...
import { startOnvifDevice } from '../simulator/onvif.ts';
import { startSimulator } from '../simulator/simulator.ts';

const [user = '', password = '', ...hosts] = process.argv.slice(2);
for (const host of hosts) {
  const camera = { path: '/stream1', frameRate: 40, user, password };
  const { url } = (await startSimulator({ host, port: 554, cameras: [camera] })).camera('/stream1');
  await startOnvifDevice({ host, port: 80, user, password, streamUri: url });
}
process.stdout.write('ready\n');
