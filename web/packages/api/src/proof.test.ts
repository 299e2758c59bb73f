import { describe, expect, it, vi } from 'vitest';
import { createApi } from './index';
import { withProof } from './proof';

const refusal = () =>
  Response.json(
    { type: 'urn:marque:problem:step-up-required', status: 403, title: 'Prove again who you are' },
    { status: 403 },
  );

/** A platform that refuses until the proof was given, and what it was sent. */
function platform() {
  const state = { proven: false, bodies: [] as string[], keys: [] as (string | null)[] };
  const send = async (request: Request) => {
    state.bodies.push(await request.text());
    state.keys.push(request.headers.get('idempotency-key'));
    return state.proven ? Response.json({ done: true }) : refusal();
  };
  return { state, send };
}

function request(body: string) {
  return new Request('http://localhost/v1/campaigns', {
    method: 'POST',
    body,
    headers: { 'idempotency-key': 'one' },
  });
}

describe('a request that wants a proof', () => {
  it('is sent again as it was once the proof is given', async () => {
    const { state, send } = platform();
    const prove = vi.fn(async () => {
      state.proven = true;
      return true;
    });
    const answer = await withProof(send, prove)(request('a'));
    expect(await answer.json()).toEqual({ done: true });
    expect(state).toMatchObject({ bodies: ['a', 'a'], keys: ['one', 'one'] });
  });

  it('asks once, however many are refused at once, and again the next time', async () => {
    const { state, send } = platform();
    let give = (_: boolean) => {};
    const prove = vi.fn(() => new Promise<boolean>((resolve) => (give = resolve)));
    const proven = withProof(send, prove);
    const answers = Promise.all([proven(request('a')), proven(request('b'))]);
    await vi.waitFor(() => expect(state.bodies).toHaveLength(2));
    await vi.waitFor(() => expect(prove).toHaveBeenCalled());
    state.proven = true;
    give(true);
    expect((await answers).map((answer) => answer.status)).toEqual([200, 200]);
    expect(prove).toHaveBeenCalledTimes(1);
    state.proven = false;
    const later = proven(request('c'));
    await vi.waitFor(() => expect(prove).toHaveBeenCalledTimes(2));
    give(false);
    expect((await later).status).toBe(403);
  });

  it('stays refused without one, and the caller can read why', async () => {
    const { send } = platform();
    const answer = await withProof(send, async () => false)(request('a'));
    expect(await answer.json()).toMatchObject({ title: 'Prove again who you are' });
  });

  it('is the only one that asks', async () => {
    const prove = vi.fn(async () => true);
    const forbidden = async () => Response.json({ type: 'urn:marque:problem:forbidden' }, { status: 403 });
    expect((await withProof(forbidden, prove)(request('a'))).status).toBe(403);
    expect(prove).not.toHaveBeenCalled();
  });
});

describe('an answer of 401', () => {
  const told = async (kind: string) => {
    const onSignedOut = vi.fn();
    const answer = async () => Response.json({ type: `urn:marque:problem:${kind}` }, { status: 401 });
    const api = createApi({ onSignedOut, fetch: answer, baseUrl: 'http://localhost' });
    await api.GET('/v1/account');
    return onSignedOut.mock.calls.length;
  };

  it('ends the session', async () => expect(await told('unauthorized')).toBe(1));
  it('does not when a password was wrong', async () => expect(await told('sign-in-refused')).toBe(0));
});
