const WINDOW_MS = 10_000

/** The rate of a transfer over its last ten seconds. */
export class Rate {
  private readonly samples: { at: number; bytes: number }[] = []

  /** Takes in how many bytes have been sent so far, at a time in milliseconds. */
  observe(bytes: number, at: number): void {
    const last = this.samples.at(-1)
    // Less than before: a transfer was cancelled or started again.
    if (last && bytes < last.bytes) this.samples.length = 0
    this.samples.push({ at, bytes })
    while ((this.samples[0]?.at ?? at) < at - WINDOW_MS) this.samples.shift()
  }

  /** In bytes a second; null until two samples are apart. */
  get perSecond(): number | null {
    const [first, last] = [this.samples[0], this.samples.at(-1)]
    if (!first || !last || last.at === first.at) return null
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000
  }

  /** Seconds for the rest; null while nothing moves. */
  secondsFor(rest: number): number | null {
    const rate = this.perSecond
    return rate ? rest / rate : null
  }
}
