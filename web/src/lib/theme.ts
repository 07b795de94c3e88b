import { effect, signal } from '@preact/signals'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const STORED = 'yourplace.theme'
const stored = localStorage.getItem(STORED)

export const theme = signal<Theme>(THEMES.find((name) => name === stored) ?? 'system')

effect(() => {
  document.documentElement.dataset.theme = theme.value
})

export function setTheme(chosen: Theme): void {
  localStorage.setItem(STORED, chosen)
  theme.value = chosen
}
