/** Requests that the platform refuses until somebody has proven anew who they are. */
import { Problem } from './problem';

export type Send = (request: Request) => Promise<Response>;

/** Asks somebody to prove who they are: whether they did. */
export type Prove = () => Promise<boolean>;

/**
 * Sends; what is refused for want of a fresh proof asks for one, and is sent again as it was, so that its
 * idempotency key is the same. Several that are refused at once ask once. Without a proof the caller gets the
 * refusal.
 */
export function withProof(send: Send, prove: Prove): Send {
  let asked: Promise<boolean> | undefined;
  let proofs = 0;
  const askOnce = (): Promise<boolean> => {
    asked ??= prove()
      .then((proven) => {
        if (proven) proofs += 1;
        return proven;
      })
      .finally(() => {
        asked = undefined;
      });
    return asked;
  };
  return async (request) => {
    // A body can be read once only.
    const again = request.clone();
    const before = proofs;
    const answer = await send(request);
    if (!(await wantsProof(answer))) return answer;
    // Somebody may have proven it while the refusal was on its way.
    return proofs > before || (await askOnce()) ? send(again) : answer;
  };
}

async function wantsProof(answer: Response): Promise<boolean> {
  return answer.status === 403 && (await Problem.read(answer.clone())).kind === 'step-up-required';
}
