import { provideZonelessChangeDetection, signal } from '@angular/core';
import { type ComponentFixture, TestBed } from '@angular/core/testing';
import { provideRouter } from '@angular/router';
import { provideIonicAngular } from '@ionic/angular';

import { GraphError } from '../../core/graph/graph-error';
import { Session } from '../../core/session/session';
import { SignInPage } from './sign-in';

type Answer = GraphError | null;

/** The page before a server that gives these answers in turn, and what it was asked. */
async function shown(...answers: Answer[]) {
  const asked: (string | null)[][] = [];
  const session = {
    hasExpired: signal(false),
    signIn: async (...given: (string | null)[]) => {
      asked.push(given);
      const answer = answers.shift();
      if (answer) throw answer;
    },
  };
  TestBed.configureTestingModule({
    providers: [
      provideZonelessChangeDetection(),
      provideIonicAngular({}),
      provideRouter([]),
      { provide: Session, useValue: session },
    ],
  });
  const fixture = TestBed.createComponent(SignInPage);
  await fixture.whenStable();
  return { fixture, asked };
}

async function typed(fixture: ComponentFixture<unknown>, values: Record<string, string>): Promise<string> {
  const page = fixture.nativeElement as HTMLElement;
  for (const [name, value] of Object.entries(values))
    page.querySelector<HTMLInputElement>(`input[name="${name}"]`)!.value = value;
  page.querySelector('form')!.dispatchEvent(new Event('submit'));
  await new Promise((resolve) => setTimeout(resolve));
  await fixture.whenStable();
  return page.querySelector('cw-problem')!.textContent.replace(/\s+/g, ' ').trim();
}

const WHO = { email: ' me@example.test ', password: ' with blanks ' };

describe('signing in', () => {
  it('asks for a code only when the server does, and keeps what was typed', async () => {
    const { fixture, asked } = await shown(new GraphError('CODE_NEEDED', 'a code'), null);
    expect(fixture.nativeElement.querySelector('input[name="code"]')).toBeNull();
    expect(await typed(fixture, WHO)).toBe('');
    await typed(fixture, { code: '123 456' });
    expect(asked.map((given) => given.slice(0, 3))).toEqual([
      ['me@example.test', ' with blanks ', null],
      ['me@example.test', ' with blanks ', '123456'],
    ]);
  });

  it('says how long to wait, and does not ask meanwhile', async () => {
    const { fixture, asked } = await shown(new GraphError('EXHAUSTED', 'too many attempts; try again in 34 s', 33.2));
    expect(await typed(fixture, WHO)).toMatch(/^Too many attempts\. Try again in 3[34] s\.$/);
    await typed(fixture, WHO);
    expect(asked).toHaveLength(1);
  });

  it('without a password asks nobody', async () => {
    const { fixture, asked } = await shown();
    expect(await typed(fixture, { email: 'me@example.test' })).toBe('Enter your e-mail address and your password.');
    expect(asked).toHaveLength(0);
  });
});
