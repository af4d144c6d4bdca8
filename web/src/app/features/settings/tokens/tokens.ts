import { Component, computed, inject, signal } from '@angular/core';

import {
  type ApiScope,
  ApiTokensDocument,
  type ApiTokensQuery,
  CreateApiTokenDocument,
  EndApiTokenDocument,
} from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { CLOCK } from '../../../core/clock';
import { focusFirst, textOf } from '../../../core/form';
import { Graph } from '../../../core/graph/graph';
import { Session } from '../../../core/session/session';
import { dayOf } from '../../../domain/plan';
import { AgeComponent } from '../../../shared/age/age';
import { FailureComponent } from '../../../shared/failure/failure';
import { FieldComponent } from '../../../shared/field/field';
import { ProblemComponent } from '../../../shared/problem/problem';
import { SecretComponent } from '../secret/secret';

const DAY = 86_400_000;

/** Tokens for one's own scripts. A token's secret is shown once, when it is made. */
@Component({
  selector: 'cw-tokens',
  imports: [AgeComponent, FailureComponent, FieldComponent, ProblemComponent, SecretComponent],
  templateUrl: './tokens.html',
  styleUrl: '../section.css',
})
export class TokensComponent {
  private readonly graph = inject(Graph);
  private readonly session = inject(Session);
  private readonly clock = inject(CLOCK);
  protected readonly reading = attempt();
  protected readonly creating = attempt();
  protected readonly ending = attempt();
  protected readonly tokens = signal<ApiTokensQuery['apiTokens'] | null>(null);
  protected readonly isOpen = signal(false);
  protected readonly nameError = signal<string | null>(null);
  protected readonly secret = signal('');
  protected readonly zone = computed(() => this.session.user()?.zone ?? 'UTC');
  protected readonly dayOf = dayOf;

  constructor() {
    void this.read();
  }

  protected async read(): Promise<void> {
    const read = await this.reading.run(() => this.graph.query(ApiTokensDocument, {}));
    if (read) this.tokens.set(read.apiTokens);
  }

  protected async create(form: HTMLFormElement): Promise<void> {
    const [name, password, days] = [textOf(form, 'name'), textOf(form, 'password'), Number(textOf(form, 'days'))];
    this.nameError.set(name ? null : 'Give it a name by which you know it again.');
    if (this.nameError()) return focusFirst(form, ['name']);
    if (!password) return this.creating.refuse('Enter your password.');
    const scopes: ApiScope[] = textOf(form, 'scopes') === 'WRITE' ? ['READ', 'WRITE'] : ['READ'];
    const expiresAt = days > 0 ? new Date(this.clock.now() + days * DAY).toISOString() : null;
    const variables = { name, scopes, expiresAt, password };
    const created = await this.creating.run(() => this.graph.mutate(CreateApiTokenDocument, variables));
    if (!created) return;
    this.secret.set(created.createApiToken.token);
    this.isOpen.set(false);
    await this.read();
  }

  protected async end(id: string): Promise<void> {
    await this.ending.run(() => this.graph.mutate(EndApiTokenDocument, { id }));
    await this.read();
  }

  protected open(isOpen: boolean): void {
    this.creating.forget();
    this.isOpen.set(isOpen);
  }
}
