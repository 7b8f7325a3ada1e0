"""What the service writes to people, in French and English."""

from __future__ import annotations

_INVITES_FR, _INVITES_EN = "{who} vous invite dans « {what} » sur {brand}.", "{who} invites you to “{what}” on {brand}."
_ACCEPT_FR = "Ouvrez ce lien pour créer votre compte, ou vous connecter si vous en avez un. Il n’est que pour vous : ne le transmettez pas."
_ACCEPT_EN = "Open this link to create your account, or to sign in if you have one. It is for you alone: do not pass it on."
# kind: language: (subject, paragraphs, label of the button)
TEXTS: dict[str, dict[str, tuple[str, list[str], str | None]]] = {
    "verify": {
        "fr": (
            "Confirmez votre adresse",
            [
                "Vous (ou quelqu’un d’autre) avez indiqué cette adresse à {brand}.",
                "Pour confirmer qu’elle est à vous, ouvrez ce lien. Il est valable {minutes} minutes.",
            ],
            "Confirmer mon adresse",
        ),
        "en": (
            "Confirm your address",
            [
                "You (or somebody else) gave this address to {brand}.",
                "To confirm that it is yours, open this link. It is valid for {minutes} minutes.",
            ],
            "Confirm my address",
        ),
    },
    "in_use": {
        "fr": (
            "Vous avez déjà un compte",
            [
                "Quelqu’un, vous peut-être, a voulu utiliser cette adresse pour un compte {brand}.",
                "Elle appartient déjà à un compte : connectez-vous, ou demandez un nouveau mot de passe.",
            ],
            "Se connecter",
        ),
        "en": (
            "You have an account already",
            [
                "Somebody, perhaps you, wanted to use this address for a {brand} account.",
                "It belongs to an account already: sign in, or ask for a new password.",
            ],
            "Sign in",
        ),
    },
    "reset": {
        "fr": (
            "Choisir un nouveau mot de passe",
            [
                "Vous avez demandé un nouveau mot de passe pour {brand}.",
                "Ouvrez ce lien pour continuer. Il est valable {minutes} minutes.",
                "Si vous n’avez rien demandé, ne faites rien : votre mot de passe reste le même.",
            ],
            "Continuer",
        ),
        "en": (
            "Choose a new password",
            [
                "You asked for a new password for {brand}.",
                "Open this link to go on. It is valid for {minutes} minutes.",
                "If you did not ask, do nothing: your password stays the same.",
            ],
            "Go on",
        ),
    },
    "no_account": {
        "fr": (
            "Aucun compte à cette adresse",
            [
                "Quelqu’un, vous peut-être, a demandé un nouveau mot de passe pour {brand}.",
                "Aucun compte n’a cette adresse. Si vous avez un compte, il est à une autre adresse ; sinon, vous pouvez en créer un.",
            ],
            "Ouvrir {brand}",
        ),
        "en": (
            "No account at this address",
            [
                "Somebody, perhaps you, asked for a new password for {brand}.",
                "No account has this address. If you have an account, it is at another one; otherwise you can create one.",
            ],
            "Open {brand}",
        ),
    },
    "password_changed": {
        "fr": (
            "Votre mot de passe a changé",
            [
                "Le mot de passe de votre compte {brand} vient de changer.",
                "Si ce n’est pas vous, prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "Your password has changed",
            ["The password of your {brand} account has just changed.", "If this was not you, tell your administrator at once."],
            None,
        ),
    },
    "new_sign_in": {
        "fr": (
            "Nouvelle connexion à votre compte",
            [
                "Un nouvel appareil vient de se connecter à votre compte « {user} » de {brand} : {what}, {when}.",
                "Si c'est vous, ne faites rien.",
                "Si ce n'est pas vous : ouvrez {brand} sur un autre de vos appareils, choisissez « Ce n'est pas moi », puis changez votre mot de passe. Sans autre appareil, prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "New sign-in to your account",
            [
                "A new device has just signed in to your account “{user}” of {brand}: {what}, {when}.",
                "If this was you, do nothing.",
                "If it was not: open {brand} on another of your devices, choose “It is not me”, then change your password. Without another device, tell your administrator at once.",
            ],
            None,
        ),
    },
    "address_added": {
        "fr": (
            "Une adresse a été ajoutée à votre compte",
            [
                "L’adresse {address} vient d’être ajoutée au compte « {user} » de {brand}.",
                "Si ce n’est pas vous, prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "An address was added to your account",
            [
                "The address {address} has just been added to the account “{user}” of {brand}.",
                "If this was not you, tell your administrator at once.",
            ],
            None,
        ),
    },
    "address_removed": {
        "fr": (
            "Une adresse a été retirée de votre compte",
            [
                "L’adresse {address} vient d’être retirée du compte « {user} » de {brand}.",
                "Si ce n’est pas vous, prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "An address was removed from your account",
            [
                "The address {address} has just been removed from the account “{user}” of {brand}.",
                "If this was not you, tell your administrator at once.",
            ],
            None,
        ),
    },
    "factor_added": {
        "fr": (
            "La connexion en deux étapes a changé",
            [
                "Un moyen de connexion (application d’authentification, clé d’accès ou codes de secours) vient d’être ajouté au compte « {user} » de {brand}.",
                "Si ce n’est pas vous, prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "Two-step sign-in has changed",
            [
                "A means of signing in (authenticator application, passkey or recovery codes) has just been added to the account “{user}” of {brand}.",
                "If this was not you, tell your administrator at once.",
            ],
            None,
        ),
    },
    "factor_removed": {
        "fr": (
            "La connexion en deux étapes a changé",
            [
                "Un moyen de connexion (application d’authentification ou clé d’accès) vient d’être retiré du compte « {user} » de {brand}.",
                "Si ce n’est pas vous, prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "Two-step sign-in has changed",
            [
                "A means of signing in (authenticator application or passkey) has just been removed from the account “{user}” of {brand}.",
                "If this was not you, tell your administrator at once.",
            ],
            None,
        ),
    },
    "bot_made": {
        "fr": (
            "Un bot a été créé en votre nom",
            [
                "Le bot « {what} » vient d’être créé par le compte « {user} » de {brand}. Il lit et écrit là où vous le pouvez.",
                "Si ce n’est pas vous, déconnectez tous vos appareils et prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "A bot was made in your name",
            [
                "The bot “{what}” has just been made by the account “{user}” of {brand}. It reads and writes where you may.",
                "If this was not you, sign out all your devices and tell your administrator at once.",
            ],
            None,
        ),
    },
    "bot_token": {
        "fr": (
            "Un de vos bots a un nouvel accès",
            [
                "Le bot « {what} » du compte « {user} » de {brand} vient de recevoir un nouveau jeton d’accès.",
                "Si ce n’est pas vous, déconnectez tous vos appareils et prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "One of your bots has a new access",
            [
                "The bot “{what}” of the account “{user}” of {brand} has just been given a new access token.",
                "If this was not you, sign out all your devices and tell your administrator at once.",
            ],
            None,
        ),
    },
    "webhook_made": {
        "fr": (
            "Un webhook a été créé en votre nom",
            [
                "Le webhook « {what} », qui relie un salon à un service, vient d’être créé par le compte « {user} » de {brand}.",
                "Si ce n’est pas vous, déconnectez tous vos appareils et prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "A webhook was made in your name",
            [
                "The webhook “{what}”, which connects a room with a service, has just been made by the account “{user}” of {brand}.",
                "If this was not you, sign out all your devices and tell your administrator at once.",
            ],
            None,
        ),
    },
    "data_asked": {
        "fr": (
            "Vos données ont été demandées",
            [
                "Une copie de tout ce que {brand} conserve du compte « {user} » (messages, fichiers, adresses) vient d’être demandée.",
                "Si ce n’est pas vous, déconnectez tous vos appareils et prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "Your data was asked for",
            [
                "A copy of everything that {brand} holds of the account “{user}” (messages, files, addresses) has just been asked for.",
                "If this was not you, sign out all your devices and tell your administrator at once.",
            ],
            None,
        ),
    },
    "post_taken": {
        "fr": (
            "Vous tenez un compte de fonction",
            [
                "Le compte de fonction « {what} » vient d’être pris par le compte « {user} » de {brand}.",
                "Si ce n’est pas vous, déconnectez tous vos appareils et prévenez votre administrateur tout de suite.",
            ],
            None,
        ),
        "en": (
            "You hold a duty account",
            [
                "The duty account “{what}” has just been taken by the account “{user}” of {brand}.",
                "If this was not you, sign out all your devices and tell your administrator at once.",
            ],
            None,
        ),
    },
    "post_lost": {
        "fr": (
            "Vous ne tenez plus un compte de fonction",
            [
                "Le compte de fonction « {what} », que tenait le compte « {user} » de {brand}, vient d’être pris par quelqu’un d’autre qui peut le tenir.",
                "Si vous ne vous y attendiez pas, prévenez votre administrateur.",
            ],
            None,
        ),
        "en": (
            "You no longer hold a duty account",
            [
                "The duty account “{what}”, which the account “{user}” of {brand} held, has just been taken by somebody else who may hold it.",
                "If you did not expect this, tell your administrator.",
            ],
            None,
        ),
    },
    "invitation": {
        "fr": ("{who} vous invite", [_INVITES_FR, _ACCEPT_FR], "Accepter l’invitation"),
        "en": ("{who} invites you", [_INVITES_EN, _ACCEPT_EN], "Accept the invitation"),
    },
    "invitation_guest": {
        "fr": ("{who} vous invite", [_INVITES_FR, "Motif : {purpose}.", _ACCEPT_FR], "Accepter l’invitation"),
        "en": ("{who} invites you", [_INVITES_EN, "Purpose: {purpose}.", _ACCEPT_EN], "Accept the invitation"),
    },
    "invitation_guest_until": {
        "fr": (
            "{who} vous invite",
            [_INVITES_FR, "Motif : {purpose}. Votre accès est ouvert jusqu’au {until}.", _ACCEPT_FR],
            "Accepter l’invitation",
        ),
        "en": (
            "{who} invites you",
            [_INVITES_EN, "Purpose: {purpose}. Your access is open until {until}.", _ACCEPT_EN],
            "Accept the invitation",
        ),
    },
    "renew": {
        "fr": (
            "Confirmez votre compte",
            ["Votre compte {brand} se termine {ends}.", "Pour le garder, confirmez que cette adresse est toujours la vôtre."],
            "Garder mon compte",
        ),
        "en": (
            "Confirm your account",
            ["Your {brand} account ends {ends}.", "To keep it, confirm that this address is still yours."],
            "Keep my account",
        ),
    },
    "renew_code": {
        "fr": (
            "Confirmez votre compte",
            ["Votre compte {brand} se termine {ends}.", "Pour le garder, saisissez ce code dans l’application : {code}"],
            None,
        ),
        "en": (
            "Confirm your account",
            ["Your {brand} account ends {ends}.", "To keep it, type this code in the application: {code}"],
            None,
        ),
    },
    "guest_ends": {
        "fr": (
            "Le compte d’un de vos invités se termine",
            [
                "Vous parrainez {who} ({address}) sur {brand} : son compte se termine {ends}.",
                "Motif : {what}. Si cette personne en a encore besoin, renouvelez son compte ; sinon, ne faites rien.",
            ],
            None,
        ),
        "en": (
            "The account of one of your guests ends",
            [
                "You sponsor {who} ({address}) on {brand}: their account ends {ends}.",
                "Purpose: {what}. If they still need it, renew the account; otherwise do nothing.",
            ],
            None,
        ),
    },
    "order_waits": {
        "fr": (
            "Un message attend votre réponse",
            [
                "Un message attend votre réponse sur {brand}, et vous n’y avez pas encore répondu.",
                "Ouvrez {brand} pour le lire et y répondre : ce courriel ne dit rien de ce qu’il demande.",
            ],
            "Lire et répondre",
        ),
        "en": (
            "A message awaits your answer",
            [
                "A message awaits your answer on {brand}, and you have not given one yet.",
                "Open {brand} to read and answer it: this mail says nothing of what it asks.",
            ],
            "Read and answer",
        ),
    },
    "digest": {
        "fr": ("{unread} dans {what}", ["Vous avez des messages non lus sur {brand} :"], "Ouvrir {brand}"),
        "en": ("{unread} in {what}", ["You have unread messages on {brand}:"], "Open {brand}"),
    },
}
# The colours of the web client (web/src/styles/tokens.css): programs that read mail know no variables, and some no style sheets.
