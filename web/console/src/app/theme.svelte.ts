export type Theme = 'system' | 'light' | 'dark';

const KEY = 'marque.theme';

class ThemeStore {
  choice = $state<Theme>('system');
  #system = $state<'light' | 'dark'>('light');
  /** What is on the screen now. */
  shown = $derived(this.choice === 'system' ? this.#system : this.choice);

  constructor() {
    const media = matchMedia('(prefers-color-scheme: dark)');
    this.#system = media.matches ? 'dark' : 'light';
    media.addEventListener('change', (event) => {
      this.#system = event.matches ? 'dark' : 'light';
    });
    const stored = document.documentElement.dataset.theme;
    if (stored === 'light' || stored === 'dark') this.choice = stored;
  }

  choose(theme: Theme): void {
    this.choice = theme;
    const root = document.documentElement;
    if (theme === 'system') delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Without storage the choice lasts until the page is closed.
    }
  }

  next(): void {
    this.choose(this.shown === 'dark' ? 'light' : 'dark');
  }
}

export const theme = new ThemeStore();
