/** Why a sign-in at a provider did not succeed, as the platform calls it, in words for people. */
interface Failure {
  title: string;
  detail: string;
}

const FAILURES: Record<string, Failure> = {
  busy: { title: 'Too many sign in now', detail: 'Try again in a minute.' },
  disabled: { title: 'Your account is disabled', detail: 'An administrator can enable it.' },
  expired: {
    title: 'The sign-in is over',
    detail:
      'It took longer than ten minutes, was used before, or was begun in another browser. Begin again here.',
  },
  invalid: {
    title: 'The answer of the provider does not count',
    detail: 'What it says does not prove who you are. If it happens again, tell whoever runs the platform.',
  },
  'other-person': {
    title: 'That was somebody else',
    detail: 'The provider has another person signed in than this session. Sign out to change accounts.',
  },
  refused: {
    title: 'The provider refused the sign-in',
    detail: 'Nobody was signed in. Begin again if you wish to.',
  },
  stale: {
    title: 'The provider did not ask you again',
    detail:
      'What you were about to do needs a fresh proof. If it happens again, tell whoever runs the platform.',
  },
  unavailable: {
    title: 'The provider cannot be reached',
    detail: 'Try again in a minute, or sign in with a password if you have one here.',
  },
};

const OTHER: Failure = { title: 'The sign-in failed', detail: 'Begin again.' };

/** Nothing when nothing failed. */
export function failure(slug: string | null): Failure | undefined {
  return slug === null ? undefined : (FAILURES[slug] ?? OTHER);
}
