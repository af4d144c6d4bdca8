"""Accounts: how one is made, its password and address changed, and how it is deleted."""

import strawberry

from api.logic import accounts as logic
from api.logic import passwords
from api.schema.context import Info
from api.schema.rules import mutation
from api.schema.sessions import SignedIn, device_of, signed_in
from cryptwire.codec.one_time import Purpose, TokenId
from cryptwire.errors import Invalid, Refused
from cryptwire.storage.sign_ups import SignUp

_OLD = "this link was used or is too old; ask for another"


@strawberry.type
class AccountMutation:
    @mutation(
        "begin",
        "account",
        "Ask for an account. True whether the address has one or not: what to do next is in a mail to it. INVALID for"
        " what cannot be an address, zone or currency, and for a bad password; EXHAUSTED after many.",
    )
    async def sign_up(self, info: Info, email: str, password: str, zone: str, currency: str) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        email, zone, currency = logic.email(email), logic.zone(zone), logic.currency(currency)
        passwords.must_be_good(password, email)
        await accounts.entrance.may_mail(email, context.address())
        await accounts.sign_ups.add(SignUp(email, await accounts.passwords.hash(password), zone, currency))
        return True

    @mutation(
        "begin",
        "account",
        "Make the account that was asked for, and sign in: with the token of the mail's link and the password that was"
        " given. INVALID when the token or the password is wrong, or the link was used.",
    )
    async def confirm_sign_up(
        self, info: Info, token: str, password: str, device: str | None = None, as_tokens: bool = False
    ) -> SignedIn:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        on = device_of(context, device)
        which = await _read(info, token, Purpose.SIGN_UP)
        one = await accounts.links.look(Purpose.SIGN_UP, which)
        sign_up = None if one is None or one.sign_up is None else await accounts.sign_ups.of(one.sign_up)
        if sign_up is None:
            raise Refused(_OLD)
        await accounts.entrance.may_try(which)
        if not await accounts.passwords.are_same(password, sign_up.password_hash):
            raise Invalid("that is not the password you signed up with")
        begun = await accounts.sign_ups.confirm(which, sign_up, on)
        person = await context.services.people.by_id(begun.user)
        context.services.arrivals.signed_in(person.id)
        return signed_in(context, begun, person, as_tokens=as_tokens)

    @mutation(
        "begin",
        "account",
        "Ask for a mail with a link to set another password. True whether the address has an account or not.",
    )
    async def request_password_reset(self, info: Info, email: str) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        email = logic.email(email)
        await accounts.entrance.may_mail(email, context.address())
        await accounts.mails.add(email, "password-reset", {})
        return True

    @mutation(
        "begin",
        "account",
        "Set another password with the token of a mail's link. All sessions and API tokens end; a second factor stays.",
    )
    async def reset_password(self, info: Info, token: str, password: str) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        which = await _read(info, token, Purpose.PASSWORD_RESET)
        one = await accounts.links.look(Purpose.PASSWORD_RESET, which)
        if one is None or one.user is None:
            raise Refused(_OLD)
        passwords.must_be_good(password, (await context.services.people.by_id(one.user)).email)
        person = await accounts.changes.reset_password(which, await accounts.passwords.hash(password))
        await accounts.entrance.may_come_again(person.email)
        await accounts.has_changed(person.id)
        return True

    @mutation("change", "security", "Change the password. All other sessions end.")
    async def change_password(self, info: Info, password: str, new_password: str) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        caller = await context.caller()
        person = await accounts.entrance.prove(caller, password, None, context.address(), wants_code=False)
        passwords.must_be_good(new_password, person.email)
        new_hash = await accounts.passwords.hash(new_password)
        await accounts.changes.change_password(person.id, caller.session, person.password_hash, new_hash)
        await accounts.has_changed(person.id)
        return True

    @mutation(
        "change",
        "security",
        "Ask to sign in with another address from now on: a mail to it holds a link. True whether somebody has it.",
    )
    async def request_email_change(self, info: Info, email: str, password: str) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        email, caller = logic.email(email), await context.caller()
        person = await accounts.entrance.prove(caller, password, None, context.address(), wants_code=False)
        await accounts.entrance.may_mail(email, context.address())
        await accounts.changes.begin_email_change(caller.user, email, person.password_hash)
        return True

    @mutation("begin", "account", "Confirm another address with the token of the mail's link.")
    async def confirm_email_change(self, info: Info, token: str) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        which = await _read(info, token, Purpose.EMAIL_CHANGE)
        await accounts.has_changed(await accounts.changes.confirm_email_change(which))
        return True

    @mutation(
        "change",
        "security",
        "Delete the account, all data, and the token at Cryptohopper; it cannot be undone. `confirmation` is the"
        " account's e-mail address. All sessions end at once; the rest is erased within minutes.",
    )
    async def delete_account(self, info: Info, password: str, confirmation: str, code: str | None = None) -> bool:
        context, accounts = info.context, info.context.services.accounts
        context.must_be_ours()
        caller = await context.caller()
        person = await accounts.entrance.prove(caller, password, code, context.address())
        if confirmation.strip().lower() != person.email.lower():
            raise Invalid("to delete the account, type its e-mail address")
        await accounts.changes.ask_deletion(person.id)
        await accounts.has_changed(person.id)
        return True


async def _read(info: Info, token: str, purpose: Purpose) -> TokenId:
    """The row of a mailed link's token; raises Invalid when it is none, or for something else."""
    accounts = info.context.services.accounts
    await accounts.entrance.may_link(info.context.address())
    said, which = accounts.link_key.read(token)
    if said is not purpose:
        raise Invalid("this link is for something else; open it as it stands in the mail")
    return which
