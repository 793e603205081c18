#pragma once

/*
 * The classes of the chat, for the front to register, and the bound of names that all check.
 * See room.c and account.c.
 */

#include "web.h"

#define NAME_SIZE 33 /* 2 to 32 letters, digits, - and _ */

extern const struct dm_class room_class;
extern const struct dm_class account_class;

/* The id of the account `name`: the name in small letters. */
static inline void user_of(char user[NAME_SIZE], struct dm_bytes name)
{
    const char *from = name.data;
    size_t len = name.len < NAME_SIZE ? name.len : NAME_SIZE - 1;

    for (size_t i = 0; i < len; i++)
        user[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] - 'A' + 'a' : from[i]);
    user[len] = '\0';
}
