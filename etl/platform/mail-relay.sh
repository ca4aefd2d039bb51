#!/bin/sh
# Postfix as nothing but a relay: takes mail from the networks beside it, queues it, hands it to RELAYHOST; no mailbox, nothing from elsewhere.
# RELAYHOST ([smtp.example]:587; empty = straight to the recipients' servers), RELAYHOST_USERNAME, RELAYHOST_PASSWORD_FILE, MAIL_NETWORKS,
# MAIL_HOSTNAME; MAIL_CONFIG (a folder), MAIL_PORT and MAIL_LOG for a trial beside another Postfix.
set -eu
config=${MAIL_CONFIG:-/etc/postfix}
port=${MAIL_PORT:-587}
put() { postconf -c "$config" -e "$@"; }

put "myhostname = ${MAIL_HOSTNAME:-mail.jichu.invalid}" 'mydestination =' 'local_transport = error:no mailboxes here' 'alias_maps =' 'alias_database =' \
    "mynetworks = ${MAIL_NETWORKS:-127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16}" 'smtpd_relay_restrictions = permit_mynetworks, reject' \
    'smtpd_recipient_restrictions = permit_mynetworks, reject' 'inet_interfaces = all' 'inet_protocols = ipv4' 'smtpd_banner = $myhostname ESMTP' \
    'message_size_limit = 67108864' 'mailbox_size_limit = 0' 'smtpd_tls_security_level = none' 'disable_vrfy_command = yes' "maillog_file = ${MAIL_LOG:-/dev/stdout}" \
    "relayhost = ${RELAYHOST:-}" 'smtp_tls_security_level = may' 'smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt' 'smtp_sasl_auth_enable = no'
# one listener, on the submission port; nobody needs a chroot within a container
postconf -c "$config" -MX smtp/inet 2>/dev/null || :
postconf -c "$config" -M "$port/inet=$port inet n - n - - smtpd"
postconf -c "$config" -F '*/*/chroot=n'

if [ -n "${RELAYHOST_USERNAME:-}" ]; then
    # the password goes into a file that root alone reads, and over TLS alone
    (umask 077 && printf '%s %s:%s\n' "$RELAYHOST" "$RELAYHOST_USERNAME" "$(cat "$RELAYHOST_PASSWORD_FILE")" > "$config/sasl_passwords")
    put 'smtp_sasl_auth_enable = yes' "smtp_sasl_password_maps = texthash:$config/sasl_passwords" 'smtp_sasl_security_options = noanonymous' 'smtp_tls_security_level = encrypt'
fi
exec postfix -c "$config" start-fg
