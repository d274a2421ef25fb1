import { embeddedBroker } from '../support/brokers.ts';
import { mqttContract } from '../support/mqtt-contract.ts';
import { suite } from '../support/suite.ts';

mqttContract(suite('MQTT over the embedded broker'), embeddedBroker, '3.1.1');
