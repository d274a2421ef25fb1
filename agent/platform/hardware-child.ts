import { cpu, system } from 'systeminformation';
import { answerParent } from './child.ts';

// A process of its own: the library starts programs that may hang, and keeps what it has read.
await answerParent(async () => {
  const [box, processor] = [await system(), await cpu()];
  return {
    maker: box.manufacturer,
    model: box.model,
    processor: `${processor.manufacturer} ${processor.brand}`,
  };
});
