/** Least and most characters of a password. */
export const PASSWORD = { least: 10, most: 1000 };

/** What is wrong with an address, or nothing. Only what is surely wrong: the mail proves the rest. */
export function emailProblem(email: string): string | null {
  if (!email) return 'Enter your e-mail address.';
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) && email.length <= 254 ? null : 'This is not an e-mail address.';
}

/** What is wrong with a new password, or nothing; the server knows more, the commonest passwords for instance. */
export function passwordProblem(password: string, email = ''): string | null {
  const length = [...password].length;
  if (length < PASSWORD.least) return `At least ${PASSWORD.least} characters; this has ${length}.`;
  if (length > PASSWORD.most) return `At most ${PASSWORD.most} characters; this has ${length}.`;
  if (email && password.toLowerCase() === email.toLowerCase()) return 'Not your e-mail address.';
  return null;
}

/** A code of six digits, or a recovery code: blanks and dashes that people type are not part of it. */
export function codeOf(typed: string): string {
  const code = typed.replace(/\s/g, '');
  return /^[\d-]+$/.test(code) ? code.replaceAll('-', '') : code;
}
