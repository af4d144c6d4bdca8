import { Component, type ElementRef, inject, signal, viewChild } from '@angular/core';
import { ActivatedRoute } from '@angular/router';
import { IonContent } from '@ionic/angular';

import { Config } from '../../core/config';
import { GraphError } from '../../core/graph';
import { Session } from '../../core/session/session';

/** E-mail and password; then back to where he was. */
@Component({
  selector: 'cw-sign-in',
  imports: [IonContent],
  templateUrl: './sign-in.html',
  styleUrl: './sign-in.css',
})
export class SignInPage {
  private readonly route = inject(ActivatedRoute);
  private readonly email = viewChild.required<ElementRef<HTMLInputElement>>('email');
  private readonly password = viewChild.required<ElementRef<HTMLInputElement>>('password');
  protected readonly session = inject(Session);
  protected readonly demo = inject(Config).demo;
  protected readonly failure = signal<GraphError | null>(null);
  protected readonly isAsking = signal(false);

  /** Ready to type; not on a touch screen, whose keyboard would cover half the page. */
  ionViewDidEnter(): void {
    if (window.matchMedia('(pointer: fine)').matches) this.email().nativeElement.focus();
  }

  protected async signIn(email: string, password: string): Promise<void> {
    if (this.isAsking()) return;
    this.failure.set(null);
    if (!email || !password) {
      this.failure.set(new GraphError('INVALID', 'Enter your e-mail address and your password.'));
      return;
    }
    this.isAsking.set(true);
    try {
      await this.session.signIn(email.trim(), password, this.route.snapshot.queryParamMap.get('return') ?? '');
    } catch (error) {
      this.failure.set(
        error instanceof GraphError ? error : new GraphError('INTERNAL', 'The app failed to sign you in.'),
      );
      this.password().nativeElement.select();
    } finally {
      this.isAsking.set(false);
    }
  }
}
