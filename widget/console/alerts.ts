// What reaches an agent who looks elsewhere: a short sound and, while the page
// is hidden, a notification of the system.

import type { Settings } from './settings.ts';

const tunes = {
  offer: [
    [659.3, 0],
    [880, 0.14],
    [1108.7, 0.28],
  ],
  message: [[784, 0]],
} as const; // [Hz, seconds after the start]

export class Alerts {
  private audio: AudioContext | null = null;

  constructor(private readonly settings: Settings) {}

  /** Browsers allow sound only after a gesture on the page: the first one wakes it. */
  wakeOnGesture(target: EventTarget): void {
    const wake = () => {
      this.audio ??= 'AudioContext' in globalThis ? new AudioContext() : null;
      if (this.audio?.state === 'suspended') void this.audio.resume();
    };
    for (const event of ['pointerdown', 'keydown'])
      target.addEventListener(event, wake, { capture: true, passive: true });
  }

  play(tune: keyof typeof tunes): void {
    const audio = this.audio;
    if (!this.settings.sound.value || audio?.state !== 'running') return;
    for (const [pitch, after] of tunes[tune]) {
      const at = audio.currentTime + after;
      const tone = audio.createOscillator();
      const level = audio.createGain();
      tone.frequency.value = pitch;
      level.gain.setValueAtTime(0, at);
      level.gain.linearRampToValueAtTime(0.16, at + 0.015);
      level.gain.exponentialRampToValueAtTime(0.0005, at + 0.4);
      tone.connect(level).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.45);
    }
  }

  /** Shows a notification if the page is hidden and the agent allowed it. `tag`: a newer one of the same tag replaces. */
  notify(title: string, body: string, tag: string, onClick: () => void): void {
    if (!document.hidden || this.permission() !== 'granted') return;
    try {
      const shown = new Notification(title, { body, tag });
      shown.onclick = () => {
        window.focus();
        shown.close();
        onClick();
      };
    } catch {
      // some phones offer notifications to service workers only; the sound remains
    }
  }

  permission(): NotificationPermission | 'missing' {
    return 'Notification' in globalThis ? Notification.permission : 'missing';
  }

  async ask(): Promise<void> {
    if (this.permission() === 'default') await Notification.requestPermission();
  }
}
