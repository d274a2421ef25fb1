import { mosquittoBroker, mosquittoProgram } from '../support/brokers.ts';
import { mqttContract } from '../support/mqtt-contract.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = suite('MQTT over mosquitto');

if (mosquittoProgram === undefined) test.skip('the contract', 'mosquitto is not installed');
else
  mqttContract(
    test,
    async () => {
      const folder = temporaryFolder();
      const broker = await mosquittoBroker(folder.path);
      return {
        ...broker,
        async close() {
          await broker.close();
          folder[Symbol.dispose]();
        },
      };
    },
    '5',
  );
