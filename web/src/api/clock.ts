/**
 * The server's clock, from the `Date` header of its responses. The header has whole seconds: when a response says
 * 12:00:05, the server's time was in [12:00:05, 12:00:06) at some moment between the request and the response. Each
 * response narrows the possible difference to our clock.
 */
export class ServerClock {
  private low = Number.NEGATIVE_INFINITY
  private high = Number.POSITIVE_INFINITY

  /** Takes in a response. `sent` and `received` are times of our clock, in milliseconds. */
  observe(header: string | null, sent: number, received: number): void {
    const date = header ? Date.parse(header) : Number.NaN
    if (Number.isNaN(date)) return
    const [low, high] = [date - received, date + 1000 - sent]
    // Our clock was set, or the computer slept: what was known before is no longer valid.
    const contradicts = low > this.high || high < this.low
    this.low = contradicts ? low : Math.max(low, this.low)
    this.high = contradicts ? high : Math.min(high, this.high)
  }

  /** The server's time in milliseconds, given ours. Without a response so far, our clock is all there is. */
  at(ours: number): number {
    return Number.isFinite(this.low) ? ours + (this.low + this.high) / 2 : ours
  }
}

export const serverClock = new ServerClock()
