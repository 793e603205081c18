#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_SECONDS_MAX = 30
};

static const char usage[] =
    "load http|echo|broadcast|idle|start --port N --path /PATH [options] [-- COMMAND...]\n"
    "  --host ADDRESS      (127.0.0.1)\n"
    "  --connections N     (1)\n"
    "  --pipeline N        requests or messages under way (1)\n"
    "  --senders N         broadcast: connections that send, in turn (1)\n"
    "  --objects N         what {n} in the path stays below (1)\n"
    "  --first N           what {n} starts with (0)\n"
    "  --count N           end after so many operations\n"
    "  --size BYTES        of a message (32)\n"
    "  --body TEXT         POST this\n"
    "  --seconds S         to measure (3)\n"
    "  --warmup S          before that (0.5)\n";

static void print_result(const char *mode, const struct load_result *result)
{
    struct rusage own;
    const struct load_times *times = &result->times;
    double cpu;

    getrusage(RUSAGE_SELF, &own);
    cpu = (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
          (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
    printf("{\"mode\": \"%s\", \"operations\": %llu, \"seconds\": %.3f, \"per_second\": %.1f, "
           "\"p50_ms\": %.4f, \"p90_ms\": %.4f, \"p99_ms\": %.4f, \"p99_9_ms\": %.4f, "
           "\"max_ms\": %.4f, \"errors\": %llu, \"own_cpu_seconds\": %.3f}\n",
           mode, (unsigned long long)result->operations, result->seconds,
           (double)result->operations / result->seconds, load_times_ms(times, 0.5),
           load_times_ms(times, 0.9), load_times_ms(times, 0.99), load_times_ms(times, 0.999),
           (double)times->max / 1e6, (unsigned long long)result->errors, cpu);
}

static void run_idle(struct load *load)
{
    uint64_t start_ns = load_now_ns();
    char line[64];
    unsigned count;

    load_open_all(load);
    printf("{\"mode\": \"idle\", \"open\": %u, \"seconds\": %.3f}\n", load->open_count,
           (double)(load_now_ns() - start_ns) / 1e9);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "wake %u", &count) != 1)
            load_die("\"%s\" is no order", line);
        *load->result = (struct load_result){0};
        start_ns = load_now_ns();
        load_wake(load, count);
        load->result->seconds = (double)(load_now_ns() - start_ns) / 1e9;
        print_result("wake", load->result);
        fflush(stdout);
    }
}

/* ---- start ---- */

/* True if the server answers 200 now. */
static bool answers(const struct load_options *options)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)options->port),
    };
    char text[1024];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int len;
    bool good = false;

    inet_pton(AF_INET, options->host, &address.sin_addr);
    len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n",
                   options->path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, text, (size_t)len, MSG_NOSIGNAL) == len && recv(fd, text, sizeof text, 0) > 12)
        good = memcmp(text, "HTTP/1.1 200", 12) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static pid_t spawn(char *const *command)
{
    pid_t child = fork();

    if (child < 0)
        load_die("fork: %s", strerror(errno));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
            _exit(126);
        execvp(command[0], command);
        _exit(127);
    }
    return child;
}

static void run_start(const struct load_options *options, char *const *command)
{
    uint64_t start_ns;
    pid_t child;
    int status;

    if (command[0] == NULL)
        load_die("start needs a command behind --");
    if (answers(options))
        load_die("somebody answers on port %d already", options->port);
    start_ns = load_now_ns();
    child = spawn(command);
    while (!answers(options)) {
        if (load_now_ns() - start_ns > START_SECONDS_MAX * 1000000000ull)
            load_die("no answer within %d seconds", START_SECONDS_MAX);
        if (waitpid(child, &status, WNOHANG) == child)
            load_die("%s ended with status %d", command[0], status);
        usleep(200);
    }
    printf("{\"mode\": \"start\", \"milliseconds\": %.1f}\n",
           (double)(load_now_ns() - start_ns) / 1e6);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
}

/* ---- the command line ---- */

static unsigned number(const char *text, unsigned max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value == 0 || value > max)
        load_die("%s is not a number from 1 to %u", text, max);
    return (unsigned)value;
}

static void parse(int argc, char **argv, struct load_options *options)
{
    static const struct option known[] = {
        {"host", required_argument, NULL, 'h'},     {"port", required_argument, NULL, 'p'},
        {"path", required_argument, NULL, 'u'},     {"connections", required_argument, NULL, 'c'},
        {"pipeline", required_argument, NULL, 'l'}, {"senders", required_argument, NULL, 'e'},
        {"objects", required_argument, NULL, 'o'},  {"first", required_argument, NULL, 'f'},
        {"count", required_argument, NULL, 'n'},    {"size", required_argument, NULL, 'z'},
        {"body", required_argument, NULL, 'b'},     {"seconds", required_argument, NULL, 's'},
        {"warmup", required_argument, NULL, 'w'},   {NULL, 0, NULL, 0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        switch (letter) {
        case 'h': options->host = optarg; break;
        case 'p': options->port = (int)number(optarg, 65535); break;
        case 'u': options->path = optarg; break;
        case 'c': options->connections = number(optarg, LOAD_CONNECTIONS_MAX); break;
        case 'l': options->pipeline = number(optarg, LOAD_PIPELINE_MAX); break;
        case 'e': options->senders = number(optarg, LOAD_CONNECTIONS_MAX); break;
        case 'o': options->objects = number(optarg, 10000000); break;
        case 'f': options->first = number(optarg, 10000000); break;
        case 'n': options->count = number(optarg, 10000000); break;
        case 'z': options->size = number(optarg, 8000); break;
        case 'b': options->body = optarg; break;
        case 's': options->seconds = strtod(optarg, NULL); break;
        case 'w': options->warmup = strtod(optarg, NULL); break;
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (options->port == 0 || options->path == NULL || options->seconds <= 0 || options->size < 8)
        load_die("--port and --path are needed, and a message has 8 bytes or more");
    if (options->senders > options->connections)
        load_die("there are more senders than connections");
}

static void allow_files(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    struct load_options options = {
        .host = "127.0.0.1",
        .connections = 1,
        .pipeline = 1,
        .senders = 1,
        .objects = 1,
        .size = 32,
        .seconds = 3,
        .warmup = 0.5,
    };
    static struct load_result result;
    struct load load = {.options = &options, .result = &result};
    const char *mode = argc > 1 ? argv[1] : "";

    if (argc < 2 || mode[0] == '-') {
        fputs(usage, stderr);
        return 2;
    }
    parse(argc - 1, argv + 1, &options);
    allow_files();
    if (strcmp(mode, "start") == 0) {
        run_start(&options, argv + 1 + optind);
        return 0;
    }
    if (strcmp(mode, "idle") == 0) {
        load.protocol = &load_idle;
        run_idle(&load);
        return 0;
    }
    load.protocol = strcmp(mode, "http") == 0        ? &load_http
                    : strcmp(mode, "echo") == 0      ? &load_echo
                    : strcmp(mode, "broadcast") == 0 ? &load_broadcast
                                                     : NULL;
    if (load.protocol == NULL)
        load_die("there is no mode %s", mode);
    load_run(&load);
    print_result(mode, &result);
    return result.errors > 0 ? 1 : 0;
}
