// What the modules under test use of a browser when they are loaded.
const stored = new Map<string, string>()
Object.assign(globalThis, {
  localStorage: {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
    removeItem: (key: string) => stored.delete(key),
    clear: () => stored.clear(),
    key: (index: number) => [...stored.keys()][index] ?? null,
    get length() {
      return stored.size
    },
  },
  document: { documentElement: { lang: '', dataset: {} } },
  location: new URL('https://app.example/'),
  history: { state: null },
})
