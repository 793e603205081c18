#pragma once

/*
 * Socket, remembered
 *
 * What is kept about a socket and about the sockets of an object while nobody looks (platform.md
 * §5.1.12): tags, attachment, protocol, auto-response. Own thread.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct blob;
struct object;
struct socket;

size_t socket_tag_count(const struct socket *socket);
struct bytes socket_tag(const struct socket *socket, size_t index);
/* Serialised; NULL: none. Takes a reference. */
void socket_set_attachment(struct socket *socket, struct blob *attachment);
struct blob *socket_attachment(const struct socket *socket);       /* borrowed */
int64_t socket_auto_response_time_ms(const struct socket *socket); /* 0: never */

/* What the JavaScript wrapper needs after hibernation: url, protocol, extensions. Borrowed. */
void socket_set_protocol(struct socket *socket, const char *protocol, const char *extensions);
const char *socket_protocol(const struct socket *socket);
const char *socket_extensions(const struct socket *socket);

/* One pointer for the language's wrapper while the instance lives; cleared when it goes (drop). */
void *socket_wrapper(const struct socket *socket);
void socket_set_wrapper(struct socket *socket, void *wrapper);

/* The hibernatable sockets of an object: without tag newest first, with tag in accept order
 * (§5.1.3). `each` may not accept or close. */
void object_sockets(struct object *object, const struct bytes *tag,
                    void (*each)(void *data, struct socket *socket), void *data);
/* Both NULL clears. */
void object_set_auto_response(struct object *object, struct blob *request, struct blob *response);
void object_auto_response(const struct object *object, struct blob **request,
                          struct blob **response); /* borrowed */
/* ms; 0: none (§5.1.10) */
void object_set_socket_event_timeout(struct object *object, int64_t timeout_ms);
int64_t object_socket_event_timeout(const struct object *object);
