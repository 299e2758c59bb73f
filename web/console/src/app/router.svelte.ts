import { match, type Route } from './routes';

/** The address bar, as state. */
class Router {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  route = $derived<Route>(match(this.path));

  start(): () => void {
    const back = () => this.#read();
    const click = (event: MouseEvent) => this.#intercept(event);
    addEventListener('popstate', back);
    document.addEventListener('click', click);
    return () => {
      removeEventListener('popstate', back);
      document.removeEventListener('click', click);
    };
  }

  go(href: string, options: { replace?: boolean } = {}): void {
    const url = new URL(href, location.href);
    const moved = url.pathname !== location.pathname;
    if (options.replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    this.#read();
    if (moved) scrollTo(0, 0);
  }

  /** Changes parts of the query; an empty value removes one. */
  setQuery(changes: Record<string, string | undefined>): void {
    const query = new URLSearchParams(this.query);
    for (const [key, value] of Object.entries(changes)) {
      if (value) query.set(key, value);
      else query.delete(key);
    }
    const text = query.toString();
    this.go(text ? `${this.path}?${text}` : this.path, { replace: true });
  }

  #read(): void {
    if (this.path !== location.pathname) this.path = location.pathname;
    if (this.query.toString() !== location.search.slice(1)) this.query = new URLSearchParams(location.search);
  }

  /** Plain clicks on links within the console don't load a page. */
  #intercept(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = event.target instanceof Element ? event.target.closest('a') : null;
    if (!anchor || anchor.target || anchor.hasAttribute('download') || anchor.origin !== location.origin)
      return;
    if (anchor.pathname.startsWith('/v1/') || anchor.getAttribute('href')?.startsWith('#')) return;
    event.preventDefault();
    this.go(anchor.href);
  }
}

export const router = new Router();
