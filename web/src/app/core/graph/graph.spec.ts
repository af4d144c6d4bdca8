import { TestBed } from '@angular/core/testing';

import { MeDocument, RefreshSessionDocument } from '../../../generated/graphql';
import { FETCH } from '../fetch';
import { Graph } from './graph';
import { GraphError } from './graph-error';

const REFUSED = { data: null, errors: [{ message: 'sign in first', extensions: { code: 'UNAUTHENTICATED' } }] };
const NOBODY = { data: { me: null } };

/** A client whose server gives these answers in turn. */
function served(...answers: unknown[]) {
  const headers: Headers[] = [];
  let asked = 0;
  const fetcher: typeof fetch = async (_, init) => {
    headers.push(new Headers(init?.headers));
    return new Response(JSON.stringify(answers[asked++]), { headers: { 'content-type': 'application/json' } });
  };
  TestBed.configureTestingModule({ providers: [{ provide: FETCH, useValue: fetcher }] });
  const graph = TestBed.inject(Graph);
  return { graph, asked: () => asked, headers };
}

const codeOf = (error: unknown): string => (error as GraphError).code;

describe('a question that is refused for want of a session', () => {
  it('is repeated once there is one again', async () => {
    const { graph, asked } = served(REFUSED, NOBODY);
    graph.onUnauthenticated = () => Promise.resolve(true);
    expect(await graph.query(MeDocument, {})).toEqual({ me: null });
    expect(asked()).toBe(2);
  });

  it('is repeated no oftener than once', async () => {
    const { graph, asked } = served(REFUSED, REFUSED, NOBODY);
    graph.onUnauthenticated = () => Promise.resolve(true);
    expect(await graph.query(MeDocument, {}).catch(codeOf)).toBe('UNAUTHENTICATED');
    expect(asked()).toBe(2);
  });

  it('is not repeated when the session is over', async () => {
    const { graph, asked } = served(REFUSED, NOBODY);
    expect(await graph.query(MeDocument, {}).catch(codeOf)).toBe('UNAUTHENTICATED');
    expect(asked()).toBe(1);
  });

  it('and that renews the session itself asks nobody', async () => {
    const { graph } = served(REFUSED);
    let isAsked = false;
    graph.onUnauthenticated = () => Promise.resolve((isAsked = true));
    expect(await graph.mutateOnce(RefreshSessionDocument, {}).catch(codeOf)).toBe('UNAUTHENTICATED');
    expect(isAsked).toBe(false);
  });
});

it('every question says that it comes from the app', async () => {
  const { graph, headers } = served(NOBODY);
  await graph.query(MeDocument, {});
  expect(headers[0]?.get('x-cryptwire')).toBe('1');
});

it('a question that is asked again before its answer came has an answer of its own', async () => {
  const answers: ((answer: Response) => void)[] = [];
  const fetcher: typeof fetch = () => new Promise((resolve) => answers.push(resolve));
  TestBed.configureTestingModule({ providers: [{ provide: FETCH, useValue: fetcher }] });
  const graph = TestBed.inject(Graph);
  const asked = [graph.query(MeDocument, {}), graph.query(MeDocument, {})];
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  const given = [{ me: null }, { me: { id: '2' } }];
  given.forEach((data, which) => answers[which]?.(Response.json({ data })));
  expect(await Promise.all(asked)).toEqual(given);
});
