import { useEffect, useState } from 'preact/hooks'
import { api } from '../api/session'

type Query = Record<string, string | number>

interface Pages<T> {
  items: readonly T[]
  loading: boolean
  error: unknown
  /** Loads the next page; null after the last. */
  more: (() => void) | null
}

/** A list of the API, page by page. Another path or query begins anew. */
export function usePages<T>(path: string, member: string, query: Query): Pages<T> {
  const key = `${path}?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))}`
  const [state, setState] = useState({
    key: '',
    items: [] as readonly T[],
    cursor: null as string | null,
    loading: true,
    error: undefined as unknown,
  })
  const load = async (before: readonly T[], cursor: string | null) => {
    setState((old) => ({ ...old, key, items: before, loading: true, error: undefined }))
    try {
      const answer = await api<Record<string, unknown>>(path, {
        query: { ...query, ...(cursor ? { cursor } : {}) },
      })
      const items = [...before, ...(answer[member] as T[])]
      const next = answer.cursor as string | null
      setState((old) => (old.key === key ? { key, items, cursor: next, loading: false, error: undefined } : old))
    } catch (error) {
      setState((old) => (old.key === key ? { ...old, cursor, loading: false, error } : old))
    }
  }
  useEffect(() => {
    void load([], null)
  }, [key])
  const { items, cursor, loading, error } = state
  const more = (cursor !== null || error) && !loading ? () => void load(items, cursor) : null
  return { items: state.key === key ? items : [], loading, error, more }
}
