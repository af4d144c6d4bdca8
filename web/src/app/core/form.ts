/** What a form's field holds, without blanks around it; a password keeps them. */
export function textOf(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name);
  const text = typeof value === 'string' ? value : '';
  return /password/i.test(name) ? text : text.trim();
}

/** Sets the cursor into the first field that is wrong, for who cannot see the colour. */
export function focusFirst(form: HTMLFormElement, names: readonly string[]): void {
  for (const name of names) {
    const control = form.elements.namedItem(name);
    if (control instanceof HTMLElement) return control.focus();
  }
}
