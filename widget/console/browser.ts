// What a user agent string says in words a person uses. It is what the browser
// claims, shown for support, never decided upon.

export interface Browser {
  name: string; // "Chrome 131"; "" when unknown
  system: string; // "Windows"; "" when unknown
}

// The first match wins: every browser also claims to be those below it.
const browsers: readonly [RegExp, string][] = [
  [/Edg(?:e|A|iOS)?\/(\d+)/, 'Edge'],
  [/OPR\/(\d+)/, 'Opera'],
  [/SamsungBrowser\/(\d+)/, 'Samsung Internet'],
  [/(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/(?:Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/Version\/(\d+)[\d.]* (?:Mobile\/\S+ )?Safari/, 'Safari'],
];

const systems: readonly [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
];

/** Reads a user agent string. */
export function browserOf(userAgent: string): Browser {
  let name = '';
  for (const [pattern, label] of browsers) {
    const match = pattern.exec(userAgent);
    if (match) {
      name = `${label} ${match[1]}`;
      break;
    }
  }
  return { name, system: systems.find(([pattern]) => pattern.test(userAgent))?.[1] ?? '' };
}
