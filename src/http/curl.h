#pragma once

/*
 * libcurl, loaded when first needed
 *
 * It brings thirty libraries along (Kerberos, LDAP, SSH, …) that take longer to load than a Worker
 * takes to start, and most never ask anybody else. So it is not linked: curl_load() finds it, and
 * the names of libcurl's functions mean pointers that it has filled in.
 */

#include <curl/curl.h>

/* clang-format off */
#define CURL_FUNCTIONS(X) \
    X(curl_easy_cleanup)        X(curl_easy_getinfo)        X(curl_easy_init) \
    X(curl_easy_pause)          X(curl_easy_recv)           X(curl_easy_send) \
    X(curl_easy_setopt)         X(curl_easy_strerror)       X(curl_free) \
    X(curl_global_init)         X(curl_multi_add_handle)    X(curl_multi_assign) \
    X(curl_multi_cleanup)       X(curl_multi_info_read)     X(curl_multi_init) \
    X(curl_multi_remove_handle) X(curl_multi_setopt)        X(curl_multi_socket_action) \
    X(curl_slist_append)        X(curl_slist_free_all)      X(curl_url) \
    X(curl_url_cleanup)         X(curl_url_get)             X(curl_url_set)
/* clang-format on */

/* Its own macros, which check types, call the functions that are not there. */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt

struct curl_functions {
#define DECLARE(name) __typeof__(name) *name##_;
    CURL_FUNCTIONS(DECLARE)
#undef DECLARE
};

extern struct curl_functions curl_functions;

/* Once or often, any thread. 0, or -ENOENT with words in err_trail(): there is no libcurl. */
int curl_load(void);

#define curl_easy_cleanup        curl_functions.curl_easy_cleanup_
#define curl_easy_getinfo        curl_functions.curl_easy_getinfo_
#define curl_easy_init           curl_functions.curl_easy_init_
#define curl_easy_pause          curl_functions.curl_easy_pause_
#define curl_easy_recv           curl_functions.curl_easy_recv_
#define curl_easy_send           curl_functions.curl_easy_send_
#define curl_easy_setopt         curl_functions.curl_easy_setopt_
#define curl_easy_strerror       curl_functions.curl_easy_strerror_
#define curl_free                curl_functions.curl_free_
#define curl_multi_add_handle    curl_functions.curl_multi_add_handle_
#define curl_multi_assign        curl_functions.curl_multi_assign_
#define curl_multi_cleanup       curl_functions.curl_multi_cleanup_
#define curl_multi_info_read     curl_functions.curl_multi_info_read_
#define curl_multi_init          curl_functions.curl_multi_init_
#define curl_multi_remove_handle curl_functions.curl_multi_remove_handle_
#define curl_multi_setopt        curl_functions.curl_multi_setopt_
#define curl_multi_socket_action curl_functions.curl_multi_socket_action_
#define curl_slist_append        curl_functions.curl_slist_append_
#define curl_slist_free_all      curl_functions.curl_slist_free_all_
#define curl_url                 curl_functions.curl_url_
#define curl_url_cleanup         curl_functions.curl_url_cleanup_
#define curl_url_get             curl_functions.curl_url_get_
#define curl_url_set             curl_functions.curl_url_set_
