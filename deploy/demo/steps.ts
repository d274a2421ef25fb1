import { sentenceOf } from '#protocol/failure.ts';

/** One step of a script that shows the whole: does it, checks it, and says in one line what was seen. */
export interface Step<Scene> {
  title: string;
  /** Throws when it did not hold. */
  run(scene: Scene): Promise<string>;
}

/** Runs steps until one does not hold, and says so. Returns whether all held. */
export async function runSteps<Scene>(steps: readonly Step<Scene>[], scene: Scene): Promise<boolean> {
  const began = performance.now();
  const say = (text: string): void => void process.stdout.write(text);
  let held = 0;
  for (const [index, step] of steps.entries()) {
    const started = performance.now();
    say(`${index + 1}. ${step.title} …\n`);
    const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1);
    try {
      say(`   ● ${await step.run(scene)} (${seconds()} s)\n`);
      held += 1;
    } catch (error) {
      say(`   ▲ FAILED: ${sentenceOf(error)} (${seconds()} s)\n`);
      break;
    }
  }
  const all = held === steps.length;
  say(
    `\n${all ? 'Everything held' : 'It did not hold'}: ${held} of ${steps.length} steps in ${((performance.now() - began) / 1000).toFixed(0)} s.\n`,
  );
  return all;
}
