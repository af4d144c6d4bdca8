import { Component, type ElementRef, inject, signal, viewChild } from '@angular/core';
import { ActivatedRoute, RouterLink } from '@angular/router';
import { IonRouterLinkWithHref } from '@ionic/angular';

import { attempt } from '../../core/attempt';
import { Config } from '../../core/config';
import { focusFirst, textOf } from '../../core/form';
import { Session } from '../../core/session/session';
import { codeOf } from '../../domain/sign-up';
import { EntranceComponent } from '../../shared/entrance/entrance';
import { FieldComponent } from '../../shared/field/field';
import { ProblemComponent } from '../../shared/problem/problem';

/** E-mail and password, then a code if he has set that up; then back to where he was. */
@Component({
  selector: 'cw-sign-in',
  imports: [EntranceComponent, FieldComponent, IonRouterLinkWithHref, ProblemComponent, RouterLink],
  templateUrl: './sign-in.html',
  styleUrl: './sign-in.css',
})
export class SignInPage {
  private readonly route = inject(ActivatedRoute);
  private readonly form = viewChild.required<ElementRef<HTMLFormElement>>('form');
  protected readonly session = inject(Session);
  protected readonly demo = inject(Config).demo;
  protected readonly attempt = attempt();
  protected readonly needsCode = signal(false);

  /** Ready to type; not on a touch screen, whose keyboard would cover half the page. */
  ionViewDidEnter(): void {
    if (window.matchMedia('(pointer: fine)').matches) focusFirst(this.form().nativeElement, ['email']);
  }

  protected async signIn(email: string, password: string): Promise<void> {
    const form = this.form().nativeElement;
    const code = this.needsCode() ? codeOf(textOf(form, 'code')) : null;
    if (!email || !password) return this.attempt.refuse('Enter your e-mail address and your password.');
    if (code === '') return this.attempt.refuse('Enter the code of your authenticator app, or a recovery code.');
    const target = this.route.snapshot.queryParamMap.get('return') ?? '';
    await this.attempt.run(() => this.session.signIn(email, password, code, target));
    const failure = this.attempt.failure();
    if (failure?.code === 'CODE_NEEDED' && !this.needsCode()) {
      this.needsCode.set(true);
      this.attempt.forget();
      setTimeout(() => focusFirst(form, ['code']));
    } else if (failure) {
      const last = form.elements.namedItem(this.needsCode() ? 'code' : 'password');
      if (last instanceof HTMLInputElement) last.select();
    } else {
      form.reset();
      this.needsCode.set(false);
    }
  }

  protected submit(form: HTMLFormElement): void {
    void this.signIn(textOf(form, 'email'), textOf(form, 'password'));
  }

  protected back(): void {
    this.needsCode.set(false);
    this.attempt.forget();
  }
}
