import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { applianceCredential, applianceOfBearer, formatApplianceBearer, pullCredential } from './credentials.ts';

const secret = 'a fleet secret of more than 32 characters';

describe('credentials', () => {
  it('are what docs/internal-api.md says', () => {
    const hmac = (text: string) => createHmac('sha256', secret).update(text).digest('base64url');
    expect(applianceCredential(secret, 'edge-1')).toBe(hmac('appliance:edge-1'));
    expect(pullCredential(secret, 'edge-1')).toBe(hmac('pull:edge-1'));
  });

  it('say who an appliance is, and refuse everybody else', () => {
    const bearer = formatApplianceBearer('edge-1', applianceCredential(secret, 'edge-1'));
    expect(applianceOfBearer(secret, bearer)).toBe('edge-1');
    for (const other of [
      formatApplianceBearer('edge-2', applianceCredential(secret, 'edge-1')),
      formatApplianceBearer('edge-1', pullCredential(secret, 'edge-1')),
      applianceCredential(secret, 'edge-1'),
      applianceCredential(secret, ''),
      `.${applianceCredential(secret, '')}`,
      `${bearer}x`,
      'edge-1.',
      '',
    ]) {
      expect(applianceOfBearer(secret, other)).toBeNull();
    }
    expect(applianceOfBearer('another fleet secret, also long enough', bearer)).toBeNull();
  });
});
