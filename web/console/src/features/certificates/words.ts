import type { CertificateState, CredentialState } from '@marque/api';

type Tone = 'good' | 'neutral' | 'bad' | 'warn';

export const CERTIFICATE_STATES: Record<CertificateState, { label: string; tone: Tone }> = {
  valid: { label: 'Valid', tone: 'good' },
  expired: { label: 'Expired', tone: 'neutral' },
  revoked: { label: 'Revoked', tone: 'bad' },
};

export const CREDENTIAL_STATES: Record<CredentialState, { label: string; tone: Tone }> = {
  open: { label: 'Open', tone: 'warn' },
  used: { label: 'Used', tone: 'neutral' },
  expired: { label: 'Expired', tone: 'neutral' },
  revoked: { label: 'Void', tone: 'bad' },
};

const DAY_MS = 86_400_000;

/** How long until a time, in words; `over` once it has passed. */
export function untilEnd(at: string, now: number): string {
  const left = Date.parse(at) - now;
  if (left <= 0) return 'over';
  if (left < DAY_MS) return `in ${Math.max(1, Math.floor(left / 3_600_000))} h`;
  return `in ${Math.floor(left / DAY_MS)} d`;
}
