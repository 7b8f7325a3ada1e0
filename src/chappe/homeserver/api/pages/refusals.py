"""What is refused, in the reader's language. The APIs speak English; whoever reads a page in French reads no word of it.

`REFUSALS`: an English sentence as the code says it, with `{…}` where a value stands, to the French one. A test holds the
modules that pages call to this table; what is not in it is refused in general words.
"""

from __future__ import annotations

import re

from chappe.homeserver.api.pages.texts import TEXTS
from chappe.i18n import typeset
from chappe.matrix.errors import MatrixError

GENERAL = typeset(
    "Cette demande n’a pas pu être acceptée. Réessayez ; si cela continue, demandez à votre administrateur.", True
)
ANEW = "Cette connexion n’a pas abouti : recommencez depuis l’application."
PROVIDER = "Votre fournisseur d’identité n’a pas confirmé cette connexion : recommencez, ou demandez à votre administrateur."
LINK = "Ce lien n’est plus valable : demandez-en un nouveau."
REFUSALS: dict[str, str] = {
    # forms, sessions
    "This form was sent by another site": "Ce formulaire vient d’un autre site : rien n’a été fait.",
    "The form could not be read": "Ce formulaire n’a pas pu être lu : rechargez la page et réessayez.",
    "U+0000 is not allowed in a form": "Ce formulaire contient un caractère qui n’est pas admis.",
    "This took too long: please try again": "Cela a pris trop de temps : réessayez.",
    "This action was begun by another account, or has expired": "Cette action a été commencée avec un autre compte, ou a expiré.",
    "There is no page for this kind of authentication": GENERAL,
    "`redirectUrl` is missing": ANEW,
    "`redirectUrl` is not an address to go on to": ANEW,
    # signing in
    "Wrong user name or password": "Identifiant ou mot de passe incorrect.",
    "Wrong account": "Saisissez le mot de passe du compte qui est ouvert ici.",
    "Unknown kind of login identifier": "Identifiant ou mot de passe incorrect.",
    "This account has been deactivated": "Ce compte a été fermé : demandez à votre administrateur.",
    "This account has no password: whoever is responsible for it signs in as themselves": "Ce compte n’a pas de mot de passe : la personne qui en répond se connecte avec le sien.",
    "Nobody signs in to this account": "Personne ne se connecte à ce compte.",
    "Your account belongs to {server}: please sign in there": "Votre compte est sur {server} : connectez-vous là-bas.",
    "You have no account here: ask your administrator": "Vous n’avez pas de compte ici : demandez à votre administrateur.",
    "An account with your address exists already: ask your administrator to link it": "Un compte a déjà votre adresse : demandez à votre administrateur de les relier.",
    "Your account is suspended: you can read, but not act": "Votre compte est suspendu : vous pouvez lire, mais rien changer. Demandez à votre administrateur.",
    "The directory of accounts does not answer: please try again": "L’annuaire des comptes ne répond pas : réessayez.",
    "There is no such way to sign in here": "Cette façon de se connecter n’existe pas ici.",
    "This sign-in has expired or was begun in another browser: please start again": "Cette connexion a expiré ou a été commencée dans un autre navigateur : recommencez.",
    "This answer comes from another provider": PROVIDER,
    "This answer belongs to another sign-in": PROVIDER,
    "The provider did not confirm this sign-in": PROVIDER,
    "The provider's answers are about different people": PROVIDER,
    "The provider's token is not meant for this service, or has expired": PROVIDER,
    "The provider's signature is not right": PROVIDER,
    "The provider's answer could not be understood": PROVIDER,
    "The provider's metadata names another issuer": PROVIDER,
    "Your provider has not asked you again who you are: please sign out there first": "Votre fournisseur d’identité ne vous a pas redemandé qui vous êtes : déconnectez-vous d’abord chez lui.",
    "Your provider does not say when it asked who you are: tell your administrator": "Votre fournisseur d’identité ne dit pas quand il vous a demandé qui vous êtes : prévenez votre administrateur.",
    "This application is not known here": "Cette application n’est pas connue ici.",
    "The address to go back to is not this application's": "L’adresse de retour n’est pas celle de cette application.",
    # registering, passwords
    "This user name is already taken": "Cet identifiant est déjà pris.",
    "No free user name was found: ask your administrator": "Aucun identifiant libre n’a été trouvé : demandez à votre administrateur.",
    "This is not a user name": "Ce n’est pas un identifiant.",
    "User names may hold a-z, 0-9 and . _ = - / + only": "Un identifiant ne contient que a-z, 0-9 et . _ = - / +.",
    "This user name is the service's own": "Cet identifiant est réservé au service.",
    "This user name is too long": "Cet identifiant est trop long.",
    "No user name is that long": "Cet identifiant est trop long.",
    "This user name is outside the application service's namespace": "Cet identifiant est réservé.",
    "This user name is reserved for a bridge": "Cet identifiant est réservé.",
    "{server} is not hosted here": "{server} n’est pas hébergé ici.",
    "This registration token is not valid": "Ce code d’invitation n’est pas valable.",
    "The password must have at least {minimum} characters": "Le mot de passe doit avoir au moins {minimum} caractères.",
    "The password must have at most {maximum} characters": "Le mot de passe doit avoir au plus {maximum} caractères.",
    "The password must have a digit": "Le mot de passe doit contenir un chiffre.",
    "The password must have a symbol": "Le mot de passe doit contenir un signe.",
    "The password must have a lower-case letter": "Le mot de passe doit contenir une minuscule.",
    "The password must have an upper-case letter": "Le mot de passe doit contenir une majuscule.",
    "Your organisation does not use this service yet": "Votre organisation n’utilise pas encore ce service.",
    "The accounts of {organisation} are on {home}: please sign up there": "Les comptes de {organisation} sont sur {home} : inscrivez-vous là-bas.",
    "With this address you can sign up once an agent has invited you": "Avec cette adresse, vous pourrez vous inscrire quand un agent vous aura invité.",
    "Guests come back by a new invitation, of somebody who answers for them until a day": "Un invité revient sur une nouvelle invitation, d’un agent qui répond de lui jusqu’à une date : demandez-la-lui.",
    "No organisation is known for this address": "Aucune organisation n’est connue pour cette adresse.",
    # addresses
    "This is not an e-mail address": "Ce n’est pas une adresse électronique.",
    "This address belongs to an account already": "Cette adresse est déjà celle d’un compte.",
    "This address belongs to another account": "Cette adresse est celle d’un autre compte.",
    "No account has this address": "Aucun compte n’a cette adresse.",
    "A bot's name says that it is one: its owner has given it": "Le nom d’un robot dit que c’en est un : il a été choisi par son responsable.",
    "Accounts of functions and bots have no address": "Les comptes de fonction et les robots n’ont pas d’adresse.",
    "This is the address by which you are of your organisation: add another one first": "C’est l’adresse par laquelle vous êtes de votre organisation : ajoutez-en d’abord une autre.",
    "This is not a professional address that this service knows": "Ce n’est pas une adresse professionnelle que ce service connaît.",
    "The accounts of {organisation} are on {home}": "Les comptes de {organisation} sont sur {home}.",
    "This link has been used": "Ce lien a déjà servi : demandez-en un nouveau.",
    "This link is no longer valid: please ask for a new one": LINK,
    "This link is not right: please ask for a new one": LINK,
    "This link has expired: please ask for a new one": LINK,
    "This proof of an address is unknown or has expired": LINK,
    "This proof of an address has been used": LINK,
    "Please open the link in the mail first": "Ouvrez d’abord le lien du message que vous avez reçu.",
    # the account
    "Your name comes from your organisation: it cannot be changed here": "Votre nom vient de votre organisation : il ne peut pas être changé ici.",
    "This name was given by whoever answers for the account: it cannot be changed here": "Ce nom a été donné par la personne qui répond du compte : il ne peut pas être changé ici.",
    "{name} is too long": "Ce nom est trop long.",
    "The profile is larger than 64 KiB": "Ce profil est trop volumineux.",
    "There is no such passkey": "Cette clé d’accès n’existe pas, ou plus.",
    "This passkey could not be added: please try again": "Cette clé d’accès n’a pas pu être ajoutée : réessayez.",
    "One-time codes are set up already": "L’application d’authentification est déjà configurée.",
}


def in_french(error: MatrixError) -> str:
    if error.message in _OF_PAGES:
        return error.message
    for pattern, french in _PATTERNS:
        if found := pattern.fullmatch(error.message):
            return typeset(french, True).format(**found.groupdict())
    return GENERAL


def _pattern(english: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", english)
    return re.compile("".join(re.escape(p) if i % 2 == 0 else f"(?P<{p}>.+?)" for i, p in enumerate(parts)), re.DOTALL)


_OF_PAGES = frozenset(french for french, _ in TEXTS.values())  # what a page raised in the reader's language already
# the exact sentences first: a value could be anything
_PATTERNS = sorted(
    ((_pattern(english), french) for english, french in REFUSALS.items()), key=lambda pair: "(?P<" in pair[0].pattern
)
