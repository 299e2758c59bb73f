/** The time now, renewed each second, for what says how long ago something was. */
class Clock {
  now = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (document.visibilityState === 'visible') this.now = Date.now();
    }, 1000);
  }
}

export const clock = new Clock();
