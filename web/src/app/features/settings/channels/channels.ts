import { Component, computed, inject, signal } from '@angular/core';

import { ChangePreferencesDocument, type NoticeClass } from '../../../../generated/graphql';
import { attempt } from '../../../core/attempt';
import { Graph } from '../../../core/graph/graph';
import { Session } from '../../../core/session/session';
import { ProblemComponent } from '../../../shared/problem/problem';
import { SettingsFrameComponent } from '../frame/frame';

const CLASSES: readonly { about: NoticeClass; name: string; what: string; mustReach: boolean }[] = [
  { about: 'ACTION', name: 'Actions', what: 'Something was done on your account at Cryptohopper', mustReach: true },
  { about: 'FAILURE', name: 'Failures', what: 'Something you rely on does not work', mustReach: true },
  { about: 'DATA_PROBLEM', name: 'Data', what: 'Prices or trades that do not fit together', mustReach: false },
  { about: 'INFO', name: 'Information', what: 'Imports, new hoppers, your plan', mustReach: false },
];

/** By what he is told of what: mail, webhook. In the app everything is told. Two classes must keep one way at least. */
@Component({
  selector: 'cw-channels',
  imports: [ProblemComponent, SettingsFrameComponent],
  templateUrl: './channels.html',
  styleUrls: ['../section.css', './channels.css'],
})
export class ChannelsPage {
  private readonly graph = inject(Graph);
  private readonly session = inject(Session);
  protected readonly saving = attempt();
  protected readonly isSaved = signal(false);
  protected readonly rows = computed(() => {
    const chosen = this.session.user()?.preferences.notices ?? [];
    return CLASSES.map((each) => {
      const { byMail, byWebhook } = chosen.find(({ about }) => about === each.about) ?? {
        byMail: true,
        byWebhook: false,
      };
      return { ...each, byMail, byWebhook };
    });
  });

  protected async save(form: HTMLFormElement): Promise<void> {
    this.isSaved.set(false);
    const chosen = new FormData(form);
    const notices = CLASSES.map(({ about }) => ({
      about,
      byMail: chosen.has(`${about}-mail`),
      byWebhook: chosen.has(`${about}-webhook`),
    }));
    const silent = CLASSES.find(({ mustReach }, i) => mustReach && !notices[i]!.byMail && !notices[i]!.byWebhook);
    if (silent) return this.saving.refuse(`${silent.name} must reach you: leave mail or webhook on.`);
    const isSaved = await this.saving.run(async () => {
      await this.graph.mutate(ChangePreferencesDocument, { input: { notices } });
      await this.session.read();
      return true;
    });
    this.isSaved.set(isSaved === true);
  }
}
