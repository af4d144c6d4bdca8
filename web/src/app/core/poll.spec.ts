import { HandClock, settled } from '../testing/hand-clock';
import { GraphError } from './graph/graph-error';
import { Poll } from './poll';

function setUp() {
  const clock = new HandClock();
  const answers: { resolve: (value: string) => void; reject: (error: unknown) => void }[] = [];
  const poll = new Poll<string>(() => new Promise((resolve, reject) => answers.push({ resolve, reject })), 5000, clock);
  return { clock, answers, poll };
}

describe('a poll', () => {
  it('keeps the old value and its age when it fails', async () => {
    const { clock, answers, poll } = setUp();
    poll.start();
    answers[0]!.resolve('first');
    await settled();
    const at = clock.now();
    clock.turn(5000);
    answers[1]!.reject(new GraphError('UNAVAILABLE', 'away'));
    await settled();
    expect([poll.value(), poll.receivedAt(), poll.failure()?.code]).toEqual(['first', at, 'UNAVAILABLE']);
    clock.turn(5000);
    answers[2]!.resolve('third');
    await settled();
    expect([poll.value(), poll.failure()]).toEqual(['third', null]);
  });

  it('does not ask again before it has an answer', async () => {
    const { clock, answers, poll } = setUp();
    poll.start();
    clock.turn(60_000);
    expect(answers).toHaveLength(1);
  });

  it('does not hear answers to what was asked before it stopped', async () => {
    const { clock, answers, poll } = setUp();
    poll.start();
    poll.stop();
    answers[0]!.resolve('late');
    await settled();
    expect([poll.value(), clock.waiting]).toEqual([null, 0]);
  });
});
