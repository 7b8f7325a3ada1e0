"""The words of the pages: key to (French, English). Where `{count}` stands, `key_one` says it of one."""

from __future__ import annotations

from chappe.i18n import typeset

_WRITTEN: dict[str, tuple[str, str]] = {
    "sign_in": ("Se connecter", "Sign in"),
    "sign_in_to": ("Se connecter à {name}", "Sign in to {name}"),
    "login": ("Adresse électronique ou identifiant", "E-mail address or user name"),
    "password": ("Mot de passe", "Password"),
    "forgot": ("Mot de passe oublié ?", "Forgotten your password?"),
    "or": ("ou", "or"),
    "with_provider": ("Continuer avec {name}", "Continue with {name}"),
    "create_account": ("Créer un compte", "Create an account"),
    "have_account": ("J’ai déjà un compte", "I have an account already"),
    "continue": ("Continuer", "Continue"),
    "cancel": ("Annuler", "Cancel"),
    "refuse": ("Refuser", "Refuse"),
    "back": ("Retour à mon compte", "Back to my account"),
    "skip": ("Aller au contenu", "Skip to the content"),
    "all_required": ("Tous les champs sont obligatoires.", "Every field must be filled in."),
    "missing": ("Remplissez ce champ.", "Fill in this field."),
    "malformed": ("Ce n’est pas écrit comme il faut.", "This is not written as it should be."),
    "other_language": ("English", "Français"),
    "wrong_password": ("Identifiant ou mot de passe incorrect.", "Wrong user name or password."),
    "account_locked": (
        "Ce compte est verrouillé : contactez votre administrateur.",
        "This account is locked: ask your administrator.",
    ),
    "too_often": (
        "Trop d’essais : patientez {seconds} s, puis réessayez.",
        "Too many tries: wait {seconds} s, then try again.",
    ),
    "stale_form": ("Cette page a vieilli : rechargez-la et réessayez.", "This page has grown old: reload it and try again."),
    "something_wrong": ("Cela n’a pas fonctionné", "This did not work"),
    "again_title": ("Confirmez que c’est bien vous", "Confirm that it is you"),
    "again_text": ("Pour cette action, saisissez à nouveau votre mot de passe.", "For this, enter your password again."),
    "open_client": ("Ouvrir {name}", "Open {name}"),
    "claim": ("La messagerie des services publics.", "Messaging for public services."),
    "claim2": (
        "Écrivez, partagez, retrouvez. Vos échanges restent entre vous, sur des serveurs de l’administration.",
        "Write, share, find again. What you say stays between you, on servers of the administration.",
    ),
    "link_help": ("Aide", "Help"),
    "link_accessibility": ("Accessibilité", "Accessibility"),
    "link_privacy": ("Données personnelles", "Privacy"),
    "link_source": ("Code source", "Source code"),
    "link_status": ("État du service", "Service status"),
    "link_terms": ("Conditions d’utilisation", "Terms of use"),
    "register_lead": (
        "Commencez par votre adresse professionnelle : nous y envoyons un lien.",
        "Start with your work address: we send a link to it.",
    ),
    "choose_password": ("Choisissez un mot de passe", "Choose a password"),
    "name_is_fixed": (
        "Votre nom vient de votre organisation. S’il est faux, prévenez-la.",
        "Your name comes from your organisation. If it is wrong, tell them.",
    ),
    # second factor
    "second_title": ("Deuxième étape", "Second step"),
    "second_text": (
        "Saisissez le code à six chiffres de votre application d’authentification, ou un code de secours.",
        "Enter the six-digit code of your authenticator application, or a recovery code.",
    ),
    "code": ("Code", "Code"),
    "wrong_code": ("Ce code n’est pas le bon, ou a déjà servi.", "This code is not right, or has been used."),
    "use_passkey": ("Utiliser une clé d’accès", "Use a passkey"),
    "enrol_title": ("Protégez votre compte", "Protect your account"),
    "enrol_required": (
        "Votre organisation demande une deuxième étape à la connexion.",
        "Your organisation asks for a second step at sign-in.",
    ),
    "enrol_text": (
        "Scannez ou recopiez cette clé dans une application d’authentification, puis saisissez le code affiché.",
        "Enter this key into an authenticator application, then type the code that it shows.",
    ),
    "key": ("Clé", "Key"),
    "open_app": ("Ouvrir dans mon application", "Open in my application"),
    "codes_title": ("Vos codes de secours", "Your recovery codes"),
    "codes_text": (
        "Conservez-les en lieu sûr : chacun sert une fois, si vous perdez votre téléphone. Ils ne seront plus affichés.",
        "Keep them in a safe place: each works once, if you lose your phone. They will not be shown again.",
    ),
    "codes_kept": ("Je les ai conservés", "I have kept them"),
    # registering
    "username": ("Identifiant", "User name"),
    "username_hint": ("a-z, 0-9, point, tiret", "a-z, 0-9, dot, dash"),
    "password_hint_one": ("{count} caractère au moins", "At least {count} character"),
    "password_hint": ("{count} caractères au moins", "At least {count} characters"),
    "token": ("Code d’invitation", "Invitation code"),
    "email": ("Adresse électronique", "E-mail address"),
    "registration_closed": (
        "Les inscriptions sont fermées : demandez un compte à votre administrateur.",
        "Registration is closed: ask your administrator for an account.",
    ),
    "check_mail": ("Consultez votre messagerie", "Check your mail"),
    "check_mail_text": (
        "Si cette adresse convient, un message vient de lui être envoyé. Ouvrez le lien qu’il contient.",
        "If this address is right, a message has just been sent to it. Open its link.",
    ),
    "check_mail_at": (
        "Si l’adresse {address} convient, un message vient de lui être envoyé : ouvrez le lien qu’il contient.",
        "If the address {address} is right, a message has just been sent to it: open its link.",
    ),
    "check_mail_minutes_one": ("Il est valable {count} minute.", "It is valid for {count} minute."),
    "check_mail_minutes": ("Il est valable {count} minutes.", "It is valid for {count} minutes."),
    "no_mail_title": ("Vous n’avez rien reçu ?", "Nothing has come?"),
    "no_mail_wait": (
        "Attendez une minute, puis regardez dans vos courriers indésirables.",
        "Wait for a minute, then look among your junk mail.",
    ),
    "no_mail_nobody": (
        "Cette adresse n’a peut-être pas accès à {name} : essayez votre adresse professionnelle. Si vous n’êtes pas agent public, demandez à la personne qui vous connaît de vous inviter.",
        "This address may not have access to {name}: try your work address. If you are no public official, ask the person who knows you to invite you.",
    ),
    "send_again": ("Renvoyer le message", "Send the message again"),
    "other_address": ("Changer d’adresse", "Use another address"),
    "no_access_title": ("Cette adresse n’a pas accès à {name}", "This address has no access to {name}"),
    "first_time": (
        "Première fois ? C’est le même chemin : votre compte se crée en deux minutes.",
        "First time? It is the same way: your account is made in two minutes.",
    ),
    "create_my_account": ("Créer mon compte", "Create my account"),
    "colon": (" :", ":"),
    # invitations
    "invited_title": ("{who} vous invite", "{who} invites you"),
    "invited_by": ("Invité par", "Invited by"),
    "invited_into": ("Discussion", "Conversation"),
    "invited_for": ("Motif", "Purpose"),
    "invited_until": ("Accès jusqu’au", "Access until"),
    "invited_as": (
        "Votre compte aura l’adresse {address} : ce lien prouve qu’elle est à vous. Il ne vous reste qu’à choisir un mot de passe.",
        "Your account will have the address {address}: this link proves that it is yours. All that is left is to choose a password.",
    ),
    "invited_old": (
        "Ce lien date de plus d’un mois. Nous écrivons de nouveau à {address} pour vérifier que l’adresse est toujours à vous.",
        "This link is more than a month old. We write to {address} once more, to see that the address is still yours.",
    ),
    "invited_known_title": ("Vous avez déjà un compte", "You have an account already"),
    "invited_known": (
        "L’adresse {address} est celle d’un compte : connectez-vous, l’invitation vous y attend.",
        "The address {address} belongs to an account: sign in, the invitation waits for you there.",
    ),
    "invited_foreign_title": ("Ce lien n’est pas le bon", "This link is not right"),
    "invited_foreign": (
        "Il est incomplet, ou vient d’un autre service. Ouvrez-le depuis le message que vous avez reçu, ou demandez à la personne qui vous invite de le renvoyer.",
        "It is incomplete, or comes from another service. Open it from the message that you received, or ask whoever invites you to send it again.",
    ),
    "invited_withdrawn_title": ("Cette invitation n’est plus valable", "This invitation is no longer valid"),
    "invited_withdrawn": (
        "Elle a été retirée, ou la personne qui vous invitait n’est plus là. Demandez une nouvelle invitation à quelqu’un de la discussion.",
        "It was withdrawn, or whoever invited you is no longer here. Ask somebody of the conversation for a new invitation.",
    ),
    "invited_ended_title": ("Cette invitation est terminée", "This invitation is over"),
    "invited_ended": (
        "L’accès qu’elle donnait a pris fin. Si vous en avez encore besoin, demandez à {who} de vous inviter de nouveau.",
        "The access that it gave has ended. If you still need it, ask {who} to invite you again.",
    ),
    "invited_elsewhere_title": ("Votre compte est ailleurs", "Your account is elsewhere"),
    "invited_elsewhere": (
        "Les comptes de {organisation} sont sur un autre serveur : continuez là-bas, avec la même adresse.",
        "The accounts of {organisation} are on another server: go on there, with the same address.",
    ),
    "invited_closed_title": ("Les inscriptions sont fermées", "Registration is closed"),
    "invited_closed": (
        "Demandez un compte à votre administrateur, puis revenez à ce lien.",
        "Ask your administrator for an account, then come back to this link.",
    ),
    "invited_no_organisation": (
        "Aucune organisation n’est connue pour cette adresse : demandez à être invité à votre adresse professionnelle.",
        "No organisation is known for this address: ask to be invited by your work address.",
    ),
    # mail links
    "confirm_address": ("Confirmer votre adresse", "Confirm your address"),
    "confirm_address_text": (
        "Appuyez sur le bouton pour confirmer que cette adresse est à vous.",
        "Press the button to confirm that this address is yours.",
    ),
    "confirm": ("Confirmer", "Confirm"),
    "address_confirmed": ("Adresse confirmée", "Address confirmed"),
    "address_confirmed_text": (
        "Vous pouvez fermer cette page et revenir à l’application.",
        "You can close this page and go back to the application.",
    ),
    "forgot_title": ("Nouveau mot de passe", "New password"),
    "forgot_text": ("Indiquez l’adresse électronique de votre compte.", "Enter the e-mail address of your account."),
    "send_link": ("Recevoir un lien", "Send me a link"),
    "new_password": ("Nouveau mot de passe", "New password"),
    "current_password": ("Mot de passe actuel", "Current password"),
    "change_password": ("Changer le mot de passe", "Change the password"),
    "wrong_current_password": ("Ce n’est pas votre mot de passe actuel.", "This is not your present password."),
    "password_signs_out": (
        "Tous vos appareils seront déconnectés, celui-ci aussi. Ayez votre code de récupération : sans lui, vos anciens messages chiffrés ne se rouvriront pas.",
        "All your devices will be signed out, this one too. Have your recovery code at hand: without it, your old encrypted messages do not open again.",
    ),
    "password_changed": (
        "Votre mot de passe a changé. Vos appareils ont été déconnectés.",
        "Your password has changed. Your devices have been signed out.",
    ),
    "no_mail": (
        "Ce service n’envoie pas de courrier : adressez-vous à votre administrateur.",
        "This service does not send mail: ask your administrator.",
    ),
    # consent
    "consent_title": ("Autoriser {client} ?", "Allow {client}?"),
    "consent_text": (
        "L’application {client} ({host}) demande à accéder à votre compte {user} :",
        "The application {client} ({host}) asks for access to your account {user}:",
    ),
    "unverified_title": ("Autoriser une application non vérifiée ?", "Allow an unverified application?"),
    "unverified_text": (
        "Une application qui dit s’appeler « {client} » demande à accéder à votre compte {user}. Rien ne prouve de qui elle vient.",
        "An application that calls itself “{client}” asks for access to your account {user}. Nothing proves whose it is.",
    ),
    "consent_all": (
        "lire et envoyer vos messages, gérer vos salons et votre profil",
        "read and send your messages, manage your rooms and your profile",
    ),
    "consent_urn:synapse:admin:*": (
        "administrer tout le service à votre place : comptes, salons, fichiers",
        "administer the whole service in your place: accounts, rooms, files",
    ),
    "consent_urn:chappe:console:*": (
        "gérer à votre place les comptes et les salons que vous administrez",
        "manage in your place the accounts and rooms that you administer",
    ),
    "consent_device": ("se connecter comme un nouvel appareil", "sign in as a new device"),
    "consent_warning": (
        "N’acceptez que si vous venez d’ouvrir cette application vous-même.",
        "Accept only if you have just opened this application yourself.",
    ),
    "allow": ("Autoriser", "Allow"),
    "not_you": ("Changer de compte", "Use another account"),
    "policy": ("Confidentialité", "Privacy"),
    "terms": ("Conditions d’utilisation", "Terms of use"),
    "bad_request_title": ("Cette demande n’est pas valable", "This request is not valid"),
    # device link
    "link_title": ("Connecter un appareil", "Connect a device"),
    "link_text": ("Saisissez le code affiché sur l’appareil.", "Enter the code that the device shows."),
    "link_warning": (
        "Vérifiez que ce code est affiché, en ce moment, sur un appareil que vous avez devant vous. Si quelqu’un vous l’a envoyé, refusez.",
        "Check that this code is shown, right now, on a device in front of you. If somebody sent it to you, refuse.",
    ),
    "link_unknown": ("Ce code n’existe pas ou a expiré.", "This code does not exist or has expired."),
    "link_done": ("C’est fait : l’appareil est connecté.", "Done: the device is connected."),
    "link_denied": ("L’appareil n’a pas été connecté.", "The device has not been connected."),
    # legacy single sign-on
    "sso_title": ("Continuer vers {host} ?", "Go on to {host}?"),
    "sso_text": (
        "Vous allez connecter votre compte {user} à l’application à l’adresse {host}.",
        "You are about to connect your account {user} to the application at {host}.",
    ),
    "uia_title": ("Confirmer l’action", "Confirm the action"),
    "uia_text": (
        "Une application connectée à votre compte {user} vous demande de confirmer : {what}.",
        "An application signed in to your account {user} asks you to confirm: {what}.",
    ),
    "uia_warning": (
        "Si vous n’avez rien demandé à l’instant, ou si quelqu’un vous a envoyé ce lien, ne confirmez pas.",
        "If you have not asked for this just now, or if somebody sent you this link, do not confirm.",
    ),
    "uia_login_token": ("connecter un autre appareil à votre compte", "sign another device in to your account"),
    "uia_password": ("changer votre mot de passe", "change your password"),
    "uia_deactivate": ("fermer votre compte", "close your account"),
    "uia_delete_device": ("déconnecter votre appareil {device}", "sign out your device {device}"),
    "uia_delete_devices": ("déconnecter un ou plusieurs de vos appareils", "sign out one or more of your devices"),
    "uia_add_3pid": ("ajouter une adresse à votre compte", "add an address to your account"),
    "uia_delete_3pid": ("retirer une adresse de votre compte", "remove an address from your account"),
    "uia_device_signing": ("remplacer votre identité de chiffrement", "replace your encryption identity"),
    "uia_own_data": (
        "préparer le dossier de tout ce que le service détient sur vous",
        "prepare the package of all that the service holds of you",
    ),
    "uia_make_bot": ("créer un robot, qui agira en votre nom", "make a bot, which acts in your name"),
    "uia_bot_token": ("donner un nouvel accès à votre robot {device}", "give your bot {device} a new access"),
    "uia_make_webhook": ("relier une discussion à un programme", "connect a conversation to a program"),
    "uia_enable_webhook": ("relier de nouveau une discussion à un programme", "connect a conversation to a program again"),
    "uia_take_post": ("prendre un compte de fonction", "take a duty account"),
    "uia_fetch_data": (
        "télécharger le dossier de tout ce que le service détient sur vous",
        "download the package of all that the service holds of you",
    ),
    "uia_done": ("Confirmé. Vous pouvez revenir à l’application.", "Confirmed. You can go back to the application."),
    # account
    "account": ("Mon compte", "My account"),
    "signed_in_as": ("Connecté en tant que {user}", "Signed in as {user}"),
    "identifier": ("Identifiant : {user}", "User name: {user}"),
    "sign_out": ("Se déconnecter", "Sign out"),
    "signed_out": ("Vous êtes déconnecté.", "You are signed out."),
    "profile": ("Profil", "Profile"),
    "display_name": ("Nom affiché", "Display name"),
    "save": ("Enregistrer", "Save"),
    "saved": ("Enregistré.", "Saved."),
    "addresses": ("Adresses électroniques", "E-mail addresses"),
    "no_address": ("Aucune adresse.", "No address."),
    "add_address": ("Ajouter une adresse", "Add an address"),
    "remove": ("Retirer", "Remove"),
    "devices": ("Appareils connectés", "Connected devices"),
    "no_device": ("Aucun appareil.", "No device."),
    "last_seen": ("vu le {date}", "seen on {date}"),
    "end_session": ("Déconnecter", "Sign out"),
    "end_session_title": ("Déconnecter cet appareil ?", "Sign this device out?"),
    "end_session_text": (
        "Ses messages chiffrés non sauvegardés y seront perdus.",
        "Its encrypted messages that are not backed up will be lost there.",
    ),
    "session_ended": ("L’appareil {device} est déconnecté.", "The device {device} is signed out."),
    "second_factor": ("Connexion en deux étapes", "Two-step sign-in"),
    "totp_on": ("Application d’authentification : active", "Authenticator application: on"),
    "totp_off": ("Application d’authentification : inactive", "Authenticator application: off"),
    "set_up": ("Configurer", "Set up"),
    "switch_off": ("Désactiver", "Switch off"),
    "passkeys": ("Clés d’accès", "Passkeys"),
    "add_passkey": ("Ajouter une clé d’accès", "Add a passkey"),
    "passkey_name": ("Nom de la clé", "Name of the passkey"),
    "needs_script": ("Les clés d’accès demandent JavaScript.", "Passkeys need JavaScript."),
    "codes_left_one": ("{count} code de secours restant", "{count} recovery code left"),
    "codes_left": ("{count} codes de secours restants", "{count} recovery codes left"),
    "new_codes": ("Nouveaux codes", "New codes"),
    "sure_address": ("Retirer cette adresse ?", "Remove this address?"),
    "sure_address_text": (
        "{address} ne servira plus à vous connecter, ni à retrouver votre mot de passe.",
        "{address} will no longer sign you in, nor recover your password.",
    ),
    "sure_passkey": ("Retirer cette clé d’accès ?", "Remove this passkey?"),
    "sure_passkey_text": ("Elle n’ouvrira plus votre compte.", "It will no longer open your account."),
    "sure_totp": ("Désactiver l’application d’authentification ?", "Switch the authenticator application off?"),
    "sure_totp_text": (
        "Ses codes ne vous seront plus demandés : votre compte sera moins protégé.",
        "Its codes will no longer be asked for: your account will be less protected.",
    ),
    "sure_codes": ("Faire de nouveaux codes de secours ?", "Make new recovery codes?"),
    "sure_codes_text": ("Ceux que vous avez rangés ne serviront plus.", "Those that you have kept will serve no longer."),
    "reset_keys": ("Réinitialiser l’identité de chiffrement", "Reset the encryption identity"),
    "reset_keys_text": (
        "À n’utiliser que si vous avez perdu tous vos appareils et votre code de récupération. Vos correspondants seront avertis.",
        "Only if you have lost all your devices and your recovery code. The people you talk to will be warned.",
    ),
    "reset_keys_of": ("L’appareil {device} pourra le faire, une fois.", "The device {device} may do so, once."),
    "reset_keys_which": ("Pour quel appareil ?", "For which device?"),
    "reset_keys_done": ("Autorisé. Revenez à l’application.", "Allowed. Go back to the application."),
    "deactivate": ("Supprimer le compte", "Delete the account"),
    "deactivate_text": (
        "Ce compte ne pourra plus jamais servir. Tapez votre nom pour confirmer : {user}",
        "This account can never be used again. Type your name to confirm: {user}",
    ),
    "your_name": ("Votre nom", "Your name"),
    "deactivated": ("Le compte est supprimé.", "The account is deleted."),
    "erase": ("Effacer aussi mes messages pour les nouveaux venus", "Also hide my messages from people who join later"),
}


TEXTS = {key: (typeset(french, True), typeset(english, False)) for key, (french, english) in _WRITTEN.items()}


def words(key: str, is_french: bool, **values: object) -> str:
    """In French none is one: "0 code"."""
    ones: tuple[object, ...] = (0, 1) if is_french else (1,)
    french, english = TEXTS[f"{key}_one" if values.get("count") in ones and f"{key}_one" in TEXTS else key]
    return (french if is_french else english).format(**values)
