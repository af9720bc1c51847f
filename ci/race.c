/* Does the sanitizer see a race between OpenMP's threads (any argument), and none where there is none? */
#include <stdio.h>

int main(int count, char **words)
{
    static double each[1000];
    const int racing = count > 1;
    long sum = 0;
    (void)words;
    for (int round = 0; round < 100; ++round) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(2)
        for (int i = 0; i < 1000; ++i) {
            each[i] += i;
            if (racing)
                sum += 1;
        }
    }
    printf("%ld %g\n", sum, each[3]);
    return 0;
}
