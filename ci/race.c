/* Test of the thread sanitizer: with any argument, OpenMP threads race; without one, they do not. */
#include <stdio.h>

int main(int argc, char **argv)
{
    static double each[1000];
    const int racing = argc > 1;
    long sum = 0;
    (void)argv;
    for (int round = 0; round < 100; ++round) {
#pragma omp parallel num_threads(2)
        {
            if (racing)
                sum += 1; /* by every thread, however late it starts */
#pragma omp for schedule(dynamic, 1)
            for (int i = 0; i < 1000; ++i)
                each[i] += i;
        }
    }
    printf("%ld %g\n", sum, each[3]);
    return 0;
}
