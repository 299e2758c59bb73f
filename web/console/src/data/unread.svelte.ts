import { api, body } from './api';

const EVERY_MS = 60_000;
const LIMIT = 50;

/** How many of the newest notices nobody marked as read. */
class Unread {
  count = $state(0);

  /** Looks now and each minute until the caller is done. */
  follow(): () => void {
    void this.look();
    const timer = setInterval(() => void this.look(), EVERY_MS);
    return () => clearInterval(timer);
  }

  async look(): Promise<void> {
    const query = { limit: LIMIT };
    // What cannot be read now is asked again in a minute; who opens the page sees why.
    const page = await body(api.GET('/v1/notices', { params: { query } })).catch(() => undefined);
    if (page) this.count = page.items.filter((item) => !item.acknowledged_at).length;
  }
}

export const unread = new Unread();
